-- As they were made.
do $$
declare
    watching record;
begin
    for watching in
        select tgrelid::regclass as whose, tgname from pg_trigger join pg_class on pg_class.oid = tgrelid
        where relnamespace = current_schema()::regnamespace and not tgisinternal and tgname not like 'pg\_%'
            and tgrelid in (
                'users'::regclass, 'user_groups'::regclass, 'groups'::regclass, 'tokens'::regclass, 'clients'::regclass
            )
    loop
        execute format('alter table %s enable trigger %I', watching.whose, watching.tgname);
    end loop;
end $$;
