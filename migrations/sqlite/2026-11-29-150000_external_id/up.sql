/* A user's key in the project that they were imported from, where their id is one of jeton's. Introspection shows it. */
alter table users add external_id text;
create unique index users_external_id on users (external_id);

drop trigger users_updated;
create trigger users_updated after update on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and (old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser, old.external_id)
        is not (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser, new.external_id)
begin
    insert into changes (what, subject) values ('user', old.id);
end;
drop trigger users_replaced;
create trigger users_replaced before insert on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from users where id = new.id or username = new.username or external_id = new.external_id)
begin
    insert into changes (what, subject)
        select 'user', id from users where id = new.id or username = new.username or external_id = new.external_id;
end;

/* What an import wrote of a user (domain/django/imported_fields.rs): a later one can tell which side has changed since. */
create table imported_users (
    user_id integer primary key references users (id) on delete cascade,
    fields blob not null,
    password blob not null
);
