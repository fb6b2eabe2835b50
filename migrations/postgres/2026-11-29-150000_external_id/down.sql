drop table imported_users;
drop trigger users_updated on users;
create trigger users_updated after update on users for each row
    when ((old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser)
        is distinct from (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser))
    execute function jeton_user_changed();
alter table users enable always trigger users_updated;
drop index if exists users_search;
alter table users drop external_id;
