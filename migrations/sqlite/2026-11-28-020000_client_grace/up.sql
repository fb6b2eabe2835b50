-- The secret that a client had before its last rotation, good until this moment: rotated with a grace.
alter table clients add column previous_digest blob check (length(previous_digest) = 64);
alter table clients add column previous_until text;
