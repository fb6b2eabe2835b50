/* The change log. Every change that may end an answer that a node, or a service, remembers is a row here, written in the
   transaction that makes it, whoever makes it. Ids only. SQLite has one writer, so ids are in the order of commits. The
   nonce tells a row from one with the same id in another copy of the file: see src/store/change_log.rs.
   A transaction that knows better has the row change_log_paused in meta meanwhile, and writes its own row. */
create table changes (
    id integer primary key autoincrement,
    what text not null,
    subject text not null,
    digest_prefix blob,
    nonce text not null default (lower(hex(randomblob(8))))
);
insert into changes (what, subject) values ('all', '');

create trigger users_updated after update on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and (old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser)
        is not (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser)
begin
    insert into changes (what, subject) values ('user', old.id);
end;
create trigger users_deleted after delete on users
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('user', old.id);
end;

create trigger user_groups_inserted after insert on user_groups
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('user', new.user_id);
end;
create trigger user_groups_updated after update on user_groups
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('user', old.user_id), ('user', new.user_id);
end;
create trigger user_groups_deleted after delete on user_groups
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('user', old.user_id);
end;

create trigger tokens_inserted after insert on tokens
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject, digest_prefix) values ('token', new.id, substr(new.digest, 1, 8));
end;
create trigger tokens_updated after update on tokens
when not exists (select 1 from meta where key = 'change_log_paused')
    and (old.id, old.user_id, old.digest, old.name, old.scope, old.created_at, old.expires_at, old.revoked_at,
            old.grace_until, old.client)
        is not (new.id, new.user_id, new.digest, new.name, new.scope, new.created_at, new.expires_at, new.revoked_at,
            new.grace_until, new.client)
begin
    insert into changes (what, subject)
        select 'token', old.id where old.id <> new.id;
    insert into changes (what, subject, digest_prefix) values ('token', new.id, substr(new.digest, 1, 8));
end;
create trigger tokens_deleted after delete on tokens
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('token', old.id);
end;

create trigger clients_inserted after insert on clients
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('client', new.client_id);
end;
create trigger clients_updated after update on clients
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) select 'client', old.client_id where old.client_id <> new.client_id;
    insert into changes (what, subject) values ('client', new.client_id);
end;
create trigger clients_deleted after delete on clients
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    insert into changes (what, subject) values ('client', old.client_id);
end;

/* One row for all rows of a statement: the newest row is replaced, if it says the same. A cursor at the deleted row
   then means that everything must be forgotten, which is what the row says. */
create trigger groups_updated after update on groups
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    delete from changes where what = 'all' and id = (select max(id) from changes);
    insert into changes (what, subject) values ('all', '');
end;
create trigger groups_deleted after delete on groups
when not exists (select 1 from meta where key = 'change_log_paused')
begin
    delete from changes where what = 'all' and id = (select max(id) from changes);
    insert into changes (what, subject) values ('all', '');
end;

/* `insert or replace` deletes rows without their triggers. */
create trigger users_replaced before insert on users
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from users where id = new.id or username = new.username)
begin
    insert into changes (what, subject)
        select 'user', id from users where id = new.id or username = new.username;
end;
create trigger groups_replaced before insert on groups
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from groups where id = new.id or name = new.name)
begin
    insert into changes (what, subject) values ('all', '');
end;
create trigger tokens_replaced before insert on tokens
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from tokens where id = new.id or digest = new.digest)
begin
    insert into changes (what, subject)
        select 'token', id from tokens where id = new.id or digest = new.digest;
end;
create trigger clients_replaced before insert on clients
when not exists (select 1 from meta where key = 'change_log_paused')
    and exists (select 1 from clients where id = new.id or client_id = new.client_id)
begin
    insert into changes (what, subject)
        select 'client', client_id from clients where id = new.id or client_id = new.client_id;
end;

/* An older jeton sees by itself that the file has changed: it can go on. */
