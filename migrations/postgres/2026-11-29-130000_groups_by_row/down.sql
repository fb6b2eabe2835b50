drop trigger groups_changed on groups;
create trigger groups_changed after update or delete on groups for each statement
    execute function jeton_everything_changed();
alter table groups enable always trigger groups_changed;
