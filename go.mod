module osssh

go 1.26.0

require (
	github.com/creack/pty v1.1.24 // tests: pseudo-terminals
	github.com/go-crypt/x v0.4.17 // Argon2i, d and id for PPK: x/crypto has no Argon2d
	github.com/gophercloud/gophercloud/v2 v2.15.0 // transport and tokens of OpenStack's APIs
	github.com/rogpeppe/go-internal v1.15.0 // tests: testscript
	github.com/urfave/cli/v2 v2.27.7 // commands
	go.yaml.in/yaml/v3 v3.0.6 // clouds.yaml, with line numbers for its errors
	golang.org/x/crypto v0.58.0 // SSH, agent, key derivation
	golang.org/x/sync v0.23.0 // errgroup
	golang.org/x/sys v0.49.0 // terminals, routes, ACLs
	golang.org/x/term v0.47.0 // raw mode
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/xrash/smetrics v0.0.0-20240521201337-686a1a2994c1 // indirect
	golang.org/x/tools v0.50.0 // indirect
)
