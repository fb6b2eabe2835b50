-- Lists of users (store/users/list.rs), among a million of them.
create index users_date_joined on users (date_joined, id);
create index users_staff on users (id) where is_staff;
create index users_superusers on users (id) where is_superuser;
create index users_inactive on users (id) where not is_active;

-- A search goes by trigrams. The extension comes with PostgreSQL's contrib modules,
-- and whoever owns the database may create it; where it is missing all the same, a search reads the whole table.
do $$
declare
    home name;
begin
    begin
        create extension if not exists pg_trgm;
    exception when others then
        raise notice 'searching users will be slow: %', sqlerrm;
    end;
    select nspname into home from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'pg_trgm';
    if home is not null then
        execute format(
            'create index users_search on users using gin '
            '(lower(username || '' '' || first_name || '' '' || last_name || '' '' || email) %I.gin_trgm_ops)',
            home
        );
    end if;
end $$;
