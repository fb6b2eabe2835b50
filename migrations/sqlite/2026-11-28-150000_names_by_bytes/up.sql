/* SQLite compares bytes by itself. */
select 1;
