/* SQLite uses the room of deleted rows again by itself. */
select 1;
