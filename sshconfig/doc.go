// Package sshconfig reads what users have written for OpenSSH: known_hosts
// and ssh_config. It reads both as OpenSSH 9.2 does (hostfile.c, match.c,
// readconf.c); where later versions differ the place says so.
package sshconfig
