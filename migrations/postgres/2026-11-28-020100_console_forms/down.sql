drop table console_forms;
