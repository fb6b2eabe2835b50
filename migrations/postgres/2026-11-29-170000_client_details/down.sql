drop table client_usage;
alter table clients drop column owner;
alter table clients drop column note;
