-- Lists of users by their last login, tokens by the first characters of their key, what was done to a user: pages of the
-- console, among a million users and as many tokens as they have.
create index users_last_login on users (last_login nulls first, id);
create index tokens_hint on tokens (hint text_pattern_ops);
create index audit_log_target_changes on audit_log (target, id) where action not in ('login', 'login.failed');

-- Searches find a name with or without its accents (`FOLDED_UTF8` in store/users/list.rs). Where users are many,
-- `Store::make_search_index` builds the index later, while others go on.
drop index if exists users_search;
do $$
declare
    home name;
begin
    select nspname into home from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'pg_trgm';
    if home is not null and getdatabaseencoding() = 'UTF8' and (select count(*) from (select from users limit 10001) as some_users) <= 10000 then
        execute format(
            'create index users_search on users using gin '
            '((replace(replace(replace(translate(regexp_replace(normalize(lower(('' '' || username || '' '' || first_name '
            '|| '' '' || last_name || '' '' || email || '' '' || coalesce(external_id, '''')) collate "default"), NFKD), '
            '''[\u0300-\u036f]'', '''', ''g''), ''łøđıħŧς'', ''lodihtσ''), ''ß'', ''ss''), ''æ'', ''ae''), ''œ'', ''oe'')) '
            '%I.gin_trgm_ops)',
            home
        );
    end if;
end $$;
