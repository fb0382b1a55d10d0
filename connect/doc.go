// Package connect is the SSH client: it dials the addresses of a server,
// verifies the host key, authenticates and runs a session.
//
// It works on golang.org/x/crypto/ssh as published, and adds what that leaves
// out: a race over several addresses (RFC 8305), limits of time and memory on
// everything that a peer may send before it is trusted, errors that say at
// which stage a login failed, and a session that asks for its terminal and
// environment without waiting for the answers.
//
// The package never prints, asks or reads the environment: questions are
// callbacks, and what a peer sent is handed on raw. Whoever shows it on a
// terminal removes its control characters first.
package connect
