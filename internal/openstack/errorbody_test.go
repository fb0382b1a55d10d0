package openstack

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestErrorMessage(t *testing.T) {
	tests := map[string]string{
		`{"itemNotFound": {"message": "Instance x could not be found.", "code": 404}}`:                                       "Instance x could not be found.",
		`{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}`: "The request you have made requires authentication.",
		`{"NeutronError": {"type": "PolicyNotAuthorized", "message": "disallowed by policy", "detail": ""}}`:                 "disallowed by policy",
		`{"NeutronError": "text"}`: "text",
		`{"message": "No image found with ID x<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}`:            "No image found with ID x",
		`{"errors": [{"status": 406, "title": "Not Acceptable", "detail": "Unacceptable version header"}]}`:                   "Unacceptable version header",
		`<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>Failed to find image<br /></body></html>`: "404 Not Found Failed to find image",
		"upstream connect error": "upstream connect error",
		"":                       "",
		"{}":                     "",
		`{"a": {"message": "\u001b[31mred\u0007\nline\u202e"}}`: "[31mred line",
		"\xff\xfe": "\uFFFD",
	}
	for body, want := range tests {
		if got := line(errorMessage([]byte(body)), maxMessage); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func FuzzErrorMessage(f *testing.F) {
	f.Add([]byte(`{"a": {"message": "x"}}`))
	f.Add([]byte("<head><b\x1b>"))
	f.Add([]byte(strings.Repeat("é", 400)))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := line(errorMessage(body), maxMessage)
		if len(got) > maxMessage+len("…") || !utf8.ValidString(got) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is not printable in %q", r, got)
			}
		}
	})
}
