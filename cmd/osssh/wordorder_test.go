package main

import (
	"strings"
	"testing"
)

func TestFlagsFirst(t *testing.T) {
	for words, want := range map[string]string{
		"key convert IN --format ppk":               "key convert --format ppk -- IN",
		"key convert IN --format=ppk -q":            "key convert --format=ppk -q -- IN",
		"key create a --format ppk --format pem b":  "key create --format ppk --format pem -- a b",
		"key --os-cloud c list --json":              "key list --os-cloud c --json",
		"key --debug list":                          "key list --debug",
		"key import list - --passphrase-file -":     "key import --passphrase-file - -- list -",
		"key delete -y -- -name":                    "key delete -y -- -name",
		"key delete -- --yes -y":                    "key delete -- --yes -y",
		"key create --out":                          "key create --out",
		"key convert --nonsense IN":                 "key convert --nonsense -- IN",
		"key nonsense --json":                       "key --json nonsense",
		"list --json":                               "list --json",
		"demo uname -a":                             "demo uname -a",
		"demo --serve -- x":                         "demo --serve -- x",
		"key list create":                           "key list -- create",
		"key passwd --passphrase-file f g --no-pas": "key passwd --passphrase-file f --no-pas -- g",
	} {
		app := newApp(&process{})
		got := flagsFirst(app.Command(strings.Fields(words)[0]), strings.Fields(words))
		if strings.Join(got, " ") != want {
			t.Errorf("%s\n got %s\nwant %s", words, strings.Join(got, " "), want)
		}
	}
}
