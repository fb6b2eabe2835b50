-- Names that are compared byte by byte are kept in the order of their bytes: an index in a language's order is wrong, and
-- no longer unique, once the system's or ICU's idea of that order changes. A list by username is in that order too, as it
-- is in SQLite.
-- The index of searches would be built again under the locks: where users are many, `Store::make_search_index` builds it
-- later, while others go on.
-- All locks at once, in the order in which jeton's own transactions take them: none of these waits for the other way round.
lock table meta, users, user_groups, groups, tokens, clients, sessions, login_networks, audit_log
    in access exclusive mode;
drop index if exists users_search;
do $$
declare
    drops text[];
    makes text[];
    statement text;
    home name;
begin
    -- A column that a trigger looks at takes no other collation: these are made again, as they were.
    select array_agg(format('drop trigger %I on %I.%I', tgname, nspname, relname)), array_agg(pg_get_triggerdef(pg_trigger.oid))
        into drops, makes
        from pg_trigger join pg_class on pg_class.oid = tgrelid join pg_namespace on pg_namespace.oid = relnamespace
        where tgrelid in ('users'::regclass, 'tokens'::regclass) and not tgisinternal;
    foreach statement in array drops loop
        execute statement;
    end loop;

    alter table users alter column username type text collate "C";
    alter table groups alter column name type text collate "C";
    alter table clients alter column client_id type text collate "C";
    alter table tokens alter column client type text collate "C";
    alter table login_networks alter column network type text collate "C";
    alter table meta alter column key type text collate "C";

    foreach statement in array makes loop
        execute statement;
    end loop;

    select nspname into home from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'pg_trgm';
    if home is not null and (select count(*) from (select from users limit 10001) as some_users) <= 10000 then
        execute format(
            'create index users_search on users using gin '
            '(lower((username || '' '' || first_name || '' '' || last_name || '' '' || email) collate "default") %I.gin_trgm_ops)',
            home
        );
    end if;
end $$;
