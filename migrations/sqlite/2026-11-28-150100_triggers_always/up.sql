/* SQLite tells by itself whether anybody else has written, whoever it was. */
select 1;
