alter table tokens drop column grace_until;
