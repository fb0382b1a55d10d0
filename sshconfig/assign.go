package sshconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
