-- Where users log in from: from there they may go on when strangers have used up their account's limit on failed logins.
-- network: an IPv4 address, an IPv6 /64, or `local`; seen_at: a good login, at most a day before the last one.
create table login_networks (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    network text not null,
    seen_at text not null,
    unique (user_id, network)
);
create index login_networks_seen_at on login_networks (seen_at);
