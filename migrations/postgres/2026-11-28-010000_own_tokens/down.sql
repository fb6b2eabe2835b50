alter table tokens drop column own;
