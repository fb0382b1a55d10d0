package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePuttyArgs(t *testing.T) {
	for _, c := range []struct {
		line, host, user string
		port             int
		identities       []string
		words            []string
		plink, print     bool
		wrong            string
	}{
		{line: "web", host: "web"},
		{line: "--plink web uptime", host: "web", plink: true, words: []string{"uptime"}},
		{line: "web --print --plink", host: "web", plink: true, print: true},
		{line: "-l bob --print -p2222 web -i key ls --plink -v", host: "web", user: "bob", port: 2222, print: true,
			identities: []string{"key"}, words: []string{"ls", "--plink", "-v"}},
		{line: "bob@web -- -L 1:a:2 -N", host: "web", user: "bob", words: []string{"-L", "1:a:2", "-N"}},
		{line: "-- web uptime -a", host: "web", words: []string{"uptime", "-a"}},
		{line: "-vl --print web", wrong: `bad user "--print"`},
		{line: "-i --plink web", host: "web", identities: []string{"--plink"}},
		{line: "--os-cloud --plink web", host: "web"},
		{line: "--os-cloud=x --plink web", host: "web", plink: true},
		{line: "web - --print", host: "web", words: []string{"-", "--print"}},
		{line: "", wrong: "no instance named"},
		{line: "--print", wrong: "no instance named"},
		{line: "web -l", wrong: "flag -l needs a word"},
		{line: "web -L 1:a:2", wrong: "ssh's flag -L is not supported"},
		{line: "--help web", wrong: errHelp.Error()},
	} {
		got, err := parsePuttyArgs(strings.Fields(c.line), globals{})
		if err != nil || c.wrong != "" {
			if err == nil || err.Error() != c.wrong {
				t.Errorf("%s: %v", c.line, err)
			}
			continue
		}
		login := got.login
		if login.host != c.host || login.user != c.user || login.port != c.port || login.command != "" ||
			!slices.Equal(login.identities, c.identities) || !slices.Equal(got.words, c.words) || got.plink != c.plink || got.print != c.print {
			t.Errorf("%s: %+v %+v", c.line, got, login)
		}
	}
}
