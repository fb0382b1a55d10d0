package sshconfig

import "strings"

// matchPattern says whether s matches a pattern of '*' and '?', as
// match_pattern of OpenSSH's match.c does. It goes back to the last '*' only,
// so a hostile pattern costs len(s)·len(pattern) steps and not an exponential
// number of them.
func matchPattern(s, pattern string) bool {
	i, p := 0, 0
	star, resume := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// maxSubpattern is the longest element of a pattern list: OpenSSH gives up on
// a list, as if nothing matched, where it meets a longer one.
const maxSubpattern = 1022

// listMatch is what a pattern list says of a string.
type listMatch int

const (
	listNoMatch listMatch = iota
	listMatched
	listNegated // a negated pattern matched: it beats every other
)

// matchPatternList matches s against comma-separated patterns, each perhaps
// negated by '!'. With lower set, upper-case ASCII of the patterns counts as
// lower case; s is taken as it is.
func matchPatternList(s, list string, lower bool) listMatch {
	result := listNoMatch
	for list != "" {
		var sub string
		sub, list, _ = strings.Cut(list, ",")
		pattern, negated := strings.CutPrefix(sub, "!")
		if len(pattern) > maxSubpattern {
			return listNoMatch
		}
		if lower {
			pattern = lowerASCII(pattern)
		}
		if !matchPattern(s, pattern) {
			continue
		}
		if negated {
			return listNegated
		}
		result = listMatched
	}
	return result
}

// matchHostname matches a host name against a pattern list, ignoring case.
func matchHostname(host, list string) listMatch {
	return matchPatternList(lowerASCII(host), list, true)
}

// lowerASCII is tolower of the C locale: bytes above 0x7f stay as they are.
func lowerASCII(s string) string {
	lower := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	for i := range len(s) {
		if !lower(s[i]) {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if lower(b[i]) {
				b[i] += 'a' - 'A'
			}
		}
		return string(b)
	}
	return s
}
