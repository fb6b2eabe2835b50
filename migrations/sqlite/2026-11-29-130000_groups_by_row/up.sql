/* All of SQLite's triggers are for each row. */
select 1;
