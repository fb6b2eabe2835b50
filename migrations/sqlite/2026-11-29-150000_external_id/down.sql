drop table imported_users;
drop trigger users_updated;
create trigger users_updated after update on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and (old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser)
        is not (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser)
begin
    insert into changes (what, subject) values ('user', old.id);
end;
drop trigger users_replaced;
create trigger users_replaced before insert on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from users where id = new.id or username = new.username)
begin
    insert into changes (what, subject)
        select 'user', id from users where id = new.id or username = new.username;
end;
drop index users_external_id;
alter table users drop external_id;
