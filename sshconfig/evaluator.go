package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// setting reads the arguments of an ordinary keyword and, in an active block,
// keeps them unless an earlier line won.
func (e *evaluator) setting(name string, k keyword, rest string, args []string, at scope, active bool) error {
	texts, err := e.parse(k, rest, args, at.command)
	if err != nil || !active || len(texts) == 0 {
		return err
	}
	if name == "refuseconnection" {
		return &RefusedError{Message: texts[0]}
	}
	switch k.kind {
	case kindEach, kindLines:
		return e.add(name, k, at.origin, texts[0])
	case kindSendEnv:
		return e.sendEnv(k, at.origin, texts)
	}
	if _, ok := e.values[name]; !ok && k.max > 0 && len(texts) > k.max {
		return ErrTooManyValues
	}
	e.set(name, at.origin, texts...)
	return nil
}

// RefusedError is a RefuseConnection line that applies.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return fmt.Sprintf("connection is refused: %q", e.Message) }

// parse makes of the arguments the texts to keep; none where the line sets
// nothing.
func (e *evaluator) parse(k keyword, rest string, args []string, command bool) ([]string, error) {
	switch k.kind {
	case kindCommand:
		return []string{strings.TrimLeft(rest, configBlanks+"=")}, nil
	case kindJump:
		jump := jumpArgument(rest)
		hosts, err := parseJumpHosts(e.ctx, jump)
		if err == nil && command {
			err = checkJumpNames(hosts)
		}
		return []string{jump}, err
	case kindList:
		return listValues(args)
	case kindSetEnv:
		return setEnvValues(args)
	case kindLines, kindArguments:
		return []string{strings.Join(args, " ")}, nil
	case kindSendEnv:
		if slices.ContainsFunc(args, func(a string) bool { return a == "" || strings.Contains(a, "=") }) {
			return nil, ErrEnvName
		}
		return args, nil
	}
	if len(args) == 0 || args[0] == "" {
		return nil, ErrNoArgument
	}
	if len(args) > 1 {
		return nil, ErrMoreArguments
	}
	return e.parseOne(k, args[0])
}

// parseOne reads the argument of a keyword that takes one.
func (e *evaluator) parseOne(k keyword, arg string) ([]string, error) {
	var err error
	switch k.kind {
	case kindChoice:
		word, ok := k.choices[lowerASCII(arg)]
		if !ok {
			return nil, &BadChoiceError{Word: arg}
		}
		arg = word
	case kindInt:
		_, err = parseInt(arg)
	case kindTime:
		if arg == "none" {
			return nil, nil
		}
		_, err = parseTime(arg)
	case kindPort:
		var port int
		port, err = parsePort(e.ctx, arg)
		arg = strconv.Itoa(port)
	case kindAlgorithms:
		_, err = assembleAlgorithms(arg)
	case kindAgent:
		err = checkAgent(arg, e.o.env)
	}
	return []string{arg}, err
}

// set keeps the values of a keyword unless it has some. ProxyJump and
// ProxyCommand exclude each other: the first of both wins, but a ProxyJump
// none leaves ProxyCommand free.
func (e *evaluator) set(name string, origin Origin, texts ...string) {
	if _, ok := e.values[name]; ok {
		return
	}
	switch name {
	case "hostname", "canonicalizehostname", "canonicalizemaxdots", "canonicalizefallbacklocal":
		if e.final {
			return // the host is settled before the second pass
		}
	case "proxycommand":
		if jump := e.text("proxyjump"); jump != "" && !isNone(jump) {
			return
		}
	case "proxyjump":
		if e.text("proxycommand") != "" && !isNone(texts[0]) {
			return
		}
	}
	for _, text := range texts {
		e.values[name] = append(e.values[name], Value{text, origin})
	}
}

// add keeps a value beside those that are there, each once.
func (e *evaluator) add(name string, k keyword, origin Origin, text string) error {
	for _, v := range e.values[name] {
		if v.Text == text {
			return nil
		}
	}
	if len(e.values[name]) >= k.max {
		return ErrTooManyValues
	}
	e.values[name] = append(e.values[name], Value{text, origin})
	return nil
}

// sendEnv adds patterns; "-pattern" takes those away that it matches.
func (e *evaluator) sendEnv(k keyword, origin Origin, patterns []string) error {
	for _, p := range patterns {
		if without, ok := strings.CutPrefix(p, "-"); ok {
			e.values["sendenv"] = slices.DeleteFunc(e.values["sendenv"], func(v Value) bool { return matchPattern(v.Text, without) })
			continue
		}
		if len(e.values["sendenv"]) >= k.max {
			return ErrTooManyValues
		}
		e.values["sendenv"] = append(e.values["sendenv"], Value{p, origin})
	}
	if len(e.values["sendenv"]) == 0 {
		delete(e.values, "sendenv")
	}
	return nil
}

// text is the first value of a keyword so far.
func (e *evaluator) text(name string) string {
	if v := e.values[name]; len(v) > 0 {
		return v[0].Text
	}
	return ""
}
