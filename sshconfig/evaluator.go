package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ConfigError is a line that cannot be read. Keyword is "" where the line has
// none that is known, and for a bad token in a file's path.
type ConfigError struct {
	Origin  Origin
	Keyword string
	Why     error
}

func (e *ConfigError) Error() string {
	if e.Keyword == "" {
		return fmt.Sprintf("%s: %v", e.Origin, e.Why)
	}
	return fmt.Sprintf("%s: %s: %v", e.Origin, e.Keyword, e.Why)
}

func (e *ConfigError) Unwrap() error { return e.Why }

// UnknownKeywordError is a word that is no keyword of ssh_config, and that
// IgnoreUnknown does not name.
type UnknownKeywordError struct{ Keyword string }

func (e *UnknownKeywordError) Error() string { return fmt.Sprintf("%q is no keyword", e.Keyword) }

// ObsoleteKeywordError is a keyword that no longer means anything.
type ObsoleteKeywordError struct{ Keyword string }

func (e *ObsoleteKeywordError) Error() string {
	return fmt.Sprintf("%q is obsolete and has no effect", e.Keyword)
}

// ErrNotOnCommandLine is a Host, Match or Include among the overrides.
var ErrNotOnCommandLine = errors.New("not possible on the command line")

// evaluator is the state while configuration is read.
type evaluator struct {
	ctx      context.Context
	o        Options
	keywords map[string]keyword
	values   map[string][]Value
	warnings []Problem

	host      string // what Host patterns match: as typed, in the final pass what ssh would connect to
	final     bool   // this is the second pass
	wantFinal bool   // something asked for a second pass

	files int   // read so far
	bytes int64 // read so far
}

func newEvaluator(ctx context.Context, o Options) *evaluator {
	return &evaluator{ctx: ctx, o: o, keywords: keywords(), values: map[string][]Value{}, host: o.Host}
}

// scope is where a line stands.
type scope struct {
	origin  Origin
	user    bool // in the user's file or on the command line, not in the system's
	never   bool // in a file that a block includes which does not match: read, but without effect
	depth   int  // of Includes
	command bool // on the command line
}

// commandLine takes the overrides, then user and port: first wins.
func (e *evaluator) commandLine() error {
	for i, line := range e.o.Overrides {
		active := true
		if err := e.line(line, scope{origin: Origin{Line: i + 1}, user: true, command: true}, &active); err != nil {
			return err
		}
	}
	if e.o.User != "" {
		e.set("user", Origin{}, e.o.User)
	}
	if user := e.text("user"); !safeUser(user) {
		return &UnsafeNameError{Name: user}
	}
	if !safeHost(e.o.Host) {
		return &UnsafeNameError{Name: e.o.Host}
	}
	if e.o.Port != 0 {
		e.set("port", Origin{}, strconv.Itoa(e.o.Port))
	}
	return nil
}

// line reads one line; active says whether its block matches, and a Host or
// Match changes that.
func (e *evaluator) line(line string, at scope, active *bool) error {
	name, rest := splitKeyword(line)
	if name == "" {
		return nil
	}
	fail := func(why error) error { return &ConfigError{Origin: at.origin, Keyword: name, Why: why} }
	if rest == "" {
		return fail(ErrNoArgument)
	}
	k, known := e.keywords[name]
	if !known && matchPatternList(name, e.text("ignoreunknown"), true) != listMatched {
		return &ConfigError{Origin: at.origin, Why: &UnknownKeywordError{Keyword: name}}
	}
	args, err := splitArguments(rest)
	if err != nil {
		return fail(err)
	}
	if !known {
		return nil
	}
	if k.alias != "" {
		name = k.alias
	}
	switch k.kind {
	case kindHost, kindMatch, kindInclude:
		if at.command {
			return fail(ErrNotOnCommandLine)
		}
		err = e.structure(k.kind, rest, args, at, active)
	case kindIgnored:
	case kindObsolete:
		if !e.final { // the second pass would say it again
			e.warnings = append(e.warnings, Problem{at.origin.Path, at.origin.Line, &ObsoleteKeywordError{Keyword: name}})
		}
	default:
		err = e.setting(name, k, rest, args, at, *active)
	}
	if nested := (*nestedError)(nil); errors.As(err, &nested) {
		return nested.error // it names its own place
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// structure handles the keywords that give a file its structure.
func (e *evaluator) structure(k kind, rest string, args []string, at scope, active *bool) error {
	switch k {
	case kindHost:
		matched, err := e.matchHost(args, at.never)
		*active = matched
		return err
	case kindMatch:
		matched, err := e.match(rest, args, at.never)
		*active = matched && !at.never
		return err
	}
	return e.include(args, at, *active)
}

// matchHost judges the patterns of a Host line; unlike everywhere else their
// case counts. As in ssh an empty pattern is an error only if it is reached.
func (e *evaluator) matchHost(patterns []string, never bool) (bool, error) {
	matched := false
	for _, p := range patterns {
		if p == "" {
			return false, ErrNoArgument
		}
		if never {
			return false, nil
		}
		pattern, negated := strings.CutPrefix(p, "!")
		if !matchPattern(e.host, pattern) {
			continue
		}
		if negated {
			return false, nil
		}
		matched = true
	}
	return matched, nil
}

// text is the first value of a keyword so far.
func (e *evaluator) text(name string) string {
	if v := e.values[name]; len(v) > 0 {
		return v[0].Text
	}
	return ""
}
