-- The index of searches is not made again: with it, `lower` was of another order.
drop index if exists users_search;
do $$
declare
    drops text[];
    makes text[];
    statement text;
begin
    -- A column that a trigger looks at takes no other collation: these are made again, as they were.
    select array_agg(format('drop trigger %I on %I.%I', tgname, nspname, relname)), array_agg(pg_get_triggerdef(pg_trigger.oid))
        into drops, makes
        from pg_trigger join pg_class on pg_class.oid = tgrelid join pg_namespace on pg_namespace.oid = relnamespace
        where tgrelid in ('users'::regclass, 'tokens'::regclass) and not tgisinternal;
    foreach statement in array drops loop
        execute statement;
    end loop;

    alter table users alter column username type text collate "default";
    alter table groups alter column name type text collate "default";
    alter table clients alter column client_id type text collate "default";
    alter table tokens alter column client type text collate "default";
    alter table login_networks alter column network type text collate "default";
    alter table meta alter column key type text collate "default";

    foreach statement in array makes loop
        execute statement;
    end loop;
end $$;
