drop table login_networks;
