package connect

import "regexp"

// loginHints are what images print to who logs in as the wrong user: cloud-init
// (cloudinit/ssh_util.py, DISABLE_USER_OPTS) and cirros.
var loginHints = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^Please login as the user "([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31})" rather than the user "[^"\n]*"\.?\r?$`),
	regexp.MustCompile(`(?m)^Please login as '([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31})' user, not as [^\n]*$`),
}

// hintBytes bounds how much output is searched: the hint comes first.
const hintBytes = 64 << 10

// LoginHint finds in a session's output the user that the image wants to be
// logged in as. cloud-init writes NONE where the image has no such user: then
// there is no hint.
func LoginHint(output string) (user string, ok bool) {
	if len(output) > hintBytes {
		output = output[:hintBytes]
	}
	for _, form := range loginHints {
		if m := form.FindStringSubmatch(output); m != nil && m[1] != "NONE" {
			return m[1], true
		}
	}
	return "", false
}
