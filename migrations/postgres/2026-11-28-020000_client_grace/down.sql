alter table clients drop column previous_until;
alter table clients drop column previous_digest;
