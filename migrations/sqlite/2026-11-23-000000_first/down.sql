drop table meta;
drop table audit_log;
drop table tokens;
drop table clients;
drop table user_groups;
drop table groups;
drop table users;
