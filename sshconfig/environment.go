package sshconfig

import (
	"slices"
	"strings"
)

// Environment is what to send to the server, as NAME=value: those of environ
// that a pattern of SendEnv names, then what SetEnv sets.
func (s *Settings) Environment(environ []string) []string {
	var send []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if slices.ContainsFunc(s.SendEnv(), func(pattern string) bool { return matchPattern(name, pattern) }) {
			send = append(send, variable)
		}
	}
	return append(send, s.SetEnv()...)
}
