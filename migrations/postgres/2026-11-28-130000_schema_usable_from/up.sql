-- The oldest migration whose jeton can go on over the tables as they are now: nodes of before the newest migrations stay
-- ready, and start. A migration that takes something away that an older jeton asks for moves this on.
insert into meta (key, value) values ('schema_usable_from', '20261123000000');
