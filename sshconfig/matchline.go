package sshconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var (
	// ErrMatchAll is a Match all together with other criteria.
	ErrMatchAll = errors.New("all cannot be combined with other criteria")
	// ErrMatchEmpty is a Match without criteria.
	ErrMatchEmpty = errors.New("a criterion is required")
	// ErrMatchArgument is a criterion that lacks its argument.
	ErrMatchArgument = errors.New("a criterion lacks its argument")
)

// CriterionError is a word that is no criterion of Match.
type CriterionError struct{ Word string }

func (e *CriterionError) Error() string { return fmt.Sprintf("%q is no criterion", e.Word) }

// criterion is one condition of a Match line.
type criterion struct {
	name    string // in lower case
	arg     string
	negated bool
}

// parseMatch reads the criteria. A line that 9.2 understands is split as it
// does there, where a double quote is the only quote; every other line as 10.1
// and later do, by the rules of the other keywords.
func parseMatch(rest string, args []string) ([]criterion, error) {
	criteria, err := parseCriteria(matchWords(rest))
	since94 := func(c criterion) bool { return isLaterCriterion(c.name) }
	if err != nil || slices.ContainsFunc(criteria, since94) {
		return parseCriteria(splitAssignments(args))
	}
	return criteria, nil
}

// matchWords splits at blanks, double quotes and "=".
func matchWords(s string) []string {
	var words []string
	for s != "" {
		word, rest, ok := nextWord(s)
		if !ok {
			break
		}
		words = append(words, word)
		s = rest
	}
	return words
}

// splitAssignments takes "criterion=argument" apart.
func splitAssignments(args []string) []string {
	var words []string
	criterion := true
	for _, arg := range args {
		name, value, assigned := strings.Cut(arg, "=")
		switch {
		case criterion && assigned && takesArgument(lowerASCII(strings.TrimPrefix(name, "!"))):
			words = append(words, name, value)
		default:
			words = append(words, arg)
			criterion = !criterion || !takesArgument(lowerASCII(strings.TrimPrefix(arg, "!")))
		}
	}
	return words
}

func takesArgument(name string) bool { return name != "all" && name != "canonical" && name != "final" }

func parseCriteria(words []string) ([]criterion, error) {
	var criteria []criterion
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if strings.HasPrefix(word, "#") {
			break
		}
		name, negated := strings.CutPrefix(word, "!")
		c := criterion{name: lowerASCII(name), negated: negated}
		if c.name == "all" {
			comment := len(words) > 0 && strings.HasPrefix(words[0], "#")
			if len(criteria) > 1 || len(words) > 0 && !comment {
				return nil, ErrMatchAll
			}
			return append(criteria, c), nil
		}
		if takesArgument(c.name) {
			if !isCriterion(c.name) && !isLaterCriterion(c.name) {
				return nil, &CriterionError{Word: word}
			}
			if len(words) == 0 || strings.HasPrefix(words[0], "#") || words[0] == "" && !mayBeEmpty(c.name) {
				return nil, ErrMatchArgument
			}
			c.arg, words = words[0], words[1:]
		}
		criteria = append(criteria, c)
	}
	if len(criteria) == 0 {
		return nil, ErrMatchEmpty
	}
	return criteria, nil
}

func isCriterion(name string) bool {
	switch name {
	case "host", "originalhost", "user", "localuser", "exec":
		return true
	}
	return false
}

// isLaterCriterion names what came with 9.4 to 10.0.
func isLaterCriterion(name string) bool {
	switch name {
	case "localnetwork", "tagged", "version", "command", "sessiontype":
		return true
	}
	return false
}

func mayBeEmpty(name string) bool { return name == "tagged" || name == "command" }
