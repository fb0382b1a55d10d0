package sshconfig

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
)

// What can be wrong with the arguments of a keyword; see ConfigError.
var (
	ErrNoArgument    = errors.New("argument is missing")
	ErrMoreArguments = errors.New("too many arguments")
	ErrNoneNotAlone  = errors.New(`"none" must stand alone`)
	ErrTooManyValues = errors.New("too many values")
	ErrTime          = errors.New("not a time")
	ErrNumber        = errors.New("not a number from 0 to 2147483647")
	ErrPort          = errors.New("not a port")
	ErrEnvName       = errors.New("not the name of an environment variable")
	ErrSetEnv        = errors.New("not of the form NAME=value")
)

// BadChoiceError is a word that is none of those a keyword takes.
type BadChoiceError struct{ Word string }

func (e *BadChoiceError) Error() string { return fmt.Sprintf("unsupported value %q", e.Word) }

// parseTime reads a time as convtime of OpenSSH's misc.c does: numbers with
// the units s, m, h, d and w, which add up. It is in seconds, at most 2^31-1.
func parseTime(s string) (int, error) {
	units := map[byte]int64{'s': 1, 'm': 60, 'h': 60 * 60, 'd': 24 * 60 * 60, 'w': 7 * 24 * 60 * 60}
	total := int64(0)
	for rest := lowerASCII(s); rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil {
			return 0, ErrTime
		}
		unit := int64(1)
		if rest = rest[digits:]; rest != "" {
			if unit = units[rest[0]]; unit == 0 {
				return 0, ErrTime
			}
			rest = rest[1:]
		}
		if total += n * unit; total > math.MaxInt32 {
			return 0, ErrTime
		}
	}
	if s == "" {
		return 0, ErrTime
	}
	return int(total), nil
}

// parseInt reads an integer as atoi_err of OpenSSH's misc.c does.
func parseInt(s string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t"), 10, 32)
	if err != nil || n < 0 {
		return 0, ErrNumber
	}
	return int(n), nil
}

// parsePort reads a port from 1 to 65535, also by the name of its service.
func parsePort(ctx context.Context, s string) (int, error) {
	n, err := parseInt(s)
	if err != nil {
		n, err = net.DefaultResolver.LookupPort(ctx, "tcp", s)
	}
	if err != nil || n < 1 || n > 65535 {
		return 0, ErrPort
	}
	return n, nil
}

// listValues are arguments of which "none" may only be the sole one.
func listValues(args []string) ([]string, error) {
	for _, arg := range args {
		if arg == "" {
			return nil, ErrNoArgument
		}
		if isNone(arg) && len(args) > 1 {
			return nil, ErrNoneNotAlone
		}
	}
	return args, nil
}

// setEnvValues are NAME=value, of each name only the first.
func setEnvValues(args []string) ([]string, error) {
	var values []string
	seen := map[string]bool{}
	for _, arg := range args {
		name, _, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, ErrSetEnv
		}
		if !seen[name] {
			values = append(values, arg)
		}
		seen[name] = true
	}
	return values, nil
}

// checkAgent judges the variables in an agent's path; one that is not set is
// an error already where it is written.
func checkAgent(path string, env func(string) (string, bool)) error {
	if _, err := (expansion{env: env}).expand(path); err != nil {
		return err
	}
	name, ok := strings.CutPrefix(path, "$")
	if ok && !strings.HasPrefix(name, "{") && !validEnvName(name) {
		return ErrEnvName
	}
	return nil
}

func validEnvName(name string) bool {
	word := func(r rune) bool {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !word(r) })
}
