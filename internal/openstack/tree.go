package openstack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tree is one mapping of a configuration file. Its values are nil, string (a
// quoted scalar), plain (an unquoted one), []any and tree. Scalars keep the
// text that the user wrote: a password 0123 is not the number 83.
type tree map[string]any

// plain is an unquoted scalar, which YAML may read as a boolean.
type plain string

// Bounds of a configuration file; aliases count as often as they are used.
const (
	maxDepth = 32
	maxNodes = 100_000
)

var (
	errNotMapping = errors.New("not a mapping")
	errNotList    = errors.New("not a list")
	errNotText    = errors.New("not a text")
	errTooDeep    = errors.New("nested too deep")
	errTooMany    = errors.New("too many values")
)

// syntaxError is where a file breaks off making sense.
type syntaxError struct {
	line int // from 1; 0 if unknown
	err  error
}

func (e *syntaxError) Error() string { return e.err.Error() }

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parseYAML reads the first document of a YAML file; nil for an empty one.
func parseYAML(text []byte) (tree, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		message := err.Error()
		at := yamlLine.FindStringSubmatch(message)
		if at == nil {
			return nil, &syntaxError{err: errors.New(message)}
		}
		number, _ := strconv.Atoi(at[1])
		return nil, &syntaxError{line: number, err: errors.New(message[len(at[0]):])}
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	root := document.Content[0]
	value, err := new(converter).value(root, 0)
	return rootTree(value, root.Line, err)
}

// parseJSON reads a JSON file.
func parseJSON(text []byte) (tree, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		at := int64(len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = min(at, syntax.Offset)
		}
		return nil, &syntaxError{line: 1 + bytes.Count(text[:at], []byte("\n")), err: err}
	}
	converted, err := fromJSON(value, 0)
	return rootTree(converted, 1, err)
}

func rootTree(value any, line int, err error) (tree, error) {
	if err != nil {
		return nil, err
	}
	switch root := value.(type) {
	case nil:
		return nil, nil
	case tree:
		return root, nil
	}
	return nil, &syntaxError{line: line, err: errNotMapping}
}

func fromJSON(value any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, &syntaxError{err: errTooDeep}
	}
	switch v := value.(type) {
	case map[string]any:
		out := tree{}
		for key, inner := range v {
			converted, err := fromJSON(inner, depth+1)
			if err != nil {
				return nil, err
			}
			out[key] = converted
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			converted, err := fromJSON(inner, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = converted
		}
		return out, nil
	case bool, json.Number:
		return plain(fmt.Sprint(v)), nil
	}
	return value, nil // string or nil
}

// converter turns YAML nodes into a tree, within bounds.
type converter struct{ nodes int }

func (c *converter) value(n *yaml.Node, depth int) (any, error) {
	if c.nodes++; c.nodes > maxNodes {
		return nil, &syntaxError{line: n.Line, err: errTooMany}
	}
	if depth > maxDepth {
		return nil, &syntaxError{line: n.Line, err: errTooDeep}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.value(n.Alias, depth+1)
	case yaml.MappingNode:
		return c.mapping(n, depth)
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, inner := range n.Content {
			value, err := c.value(inner, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = value
		}
		return out, nil
	}
	switch {
	case n.Tag == "!!null":
		return nil, nil
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return n.Value, nil
	}
	return plain(n.Value), nil
}

// mapping reads a mapping. What "<<" merges in loses to the mapping's own keys.
func (c *converter) mapping(n *yaml.Node, depth int) (any, error) {
	own, merged := tree{}, tree{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		value, err := c.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		switch {
		case key.Kind == yaml.ScalarNode && key.Tag == "!!merge":
			if err := merge(merged, value); err != nil {
				return nil, &syntaxError{line: key.Line, err: err}
			}
		case key.Kind == yaml.ScalarNode:
			own[key.Value] = value
		case key.Kind == yaml.AliasNode && key.Alias.Kind == yaml.ScalarNode:
			own[key.Alias.Value] = value
		default:
			return nil, &syntaxError{line: key.Line, err: errNotText}
		}
	}
	maps.Copy(merged, own)
	return merged, nil
}

// merge adds a mapping, or a list of them of which the first wins.
func merge(into tree, value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, item := range slices.Backward(list) {
		mapping, ok := item.(tree)
		if !ok {
			return errNotMapping
		}
		maps.Copy(into, mapping)
	}
	return nil
}

// overlay merges from into base, mapping by mapping: what openstacksdk does
// with secure.yaml.
func overlay(base, from tree) tree {
	out := maps.Clone(base)
	if out == nil {
		out = tree{}
	}
	for key, value := range from {
		inner, ok := value.(tree)
		old, both := out[key].(tree)
		if ok && both {
			value = overlay(old, inner)
		}
		out[key] = value
	}
	return out
}

// update lays from over base; of the nested mappings only auth is merged.
func update(base, from tree) tree {
	out := maps.Clone(base)
	if out == nil {
		out = tree{}
	}
	for key, value := range from {
		if key == "auth" {
			inner, ok := value.(tree)
			old, both := out[key].(tree)
			if ok && both {
				value = overlay(old, inner)
			}
		}
		out[key] = value
	}
	return out
}

// layer prepares the settings of a cloud, a profile or a region to be laid over
// others: under their present names, so that like meets like.
func layer(t tree) tree {
	out := underscored(t)
	for key, value := range out {
		now, old := strings.CutSuffix(key, "endpoint_type")
		if _, both := out[now+"interface"]; old && !both {
			out[now+"interface"] = value
		}
	}
	return out
}

// underscored spells all keys with "_", as the rest of the loader reads them.
func underscored(t tree) tree {
	out := make(tree, len(t))
	for key, value := range t {
		if inner, ok := value.(tree); ok {
			value = underscored(inner)
		}
		out[strings.ReplaceAll(key, "-", "_")] = value
	}
	return out
}

// text reads a scalar.
func text(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case plain:
		return string(v), nil
	}
	return "", errNotText
}

// boolean reads a truth value as openstacksdk does: YAML 1.1's words unquoted,
// only "true" quoted or in the environment.
func boolean(value any) bool {
	switch v := value.(type) {
	case plain:
		switch strings.ToLower(string(v)) {
		case "true", "yes", "on":
			return true
		}
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}
