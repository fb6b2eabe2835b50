/* SQLite tells by itself whether anybody else has written: PRAGMA data_version. */
select 1;
