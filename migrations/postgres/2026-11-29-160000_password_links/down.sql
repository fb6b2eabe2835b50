delete from sessions where kind <> 'console';
alter table sessions drop kind;
drop table password_links;
