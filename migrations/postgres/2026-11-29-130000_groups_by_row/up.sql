-- Logical replication applies rows: on a replica it fires no trigger of a statement. The log has one row a transaction
-- however many groups change.
drop trigger groups_changed on groups;
create trigger groups_changed after update or delete on groups for each row
    execute function jeton_everything_changed();
alter table groups enable always trigger groups_changed;
