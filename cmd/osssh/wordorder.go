package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst puts a command's flags before its words, for package cli reads no
// flag behind the first word. Behind "--" all are words. A command that reads
// its own words, and one whose words are another program's, keep their order.
func flagsFirst(command *cli.Command, words []string) []string {
	if command.SkipFlagParsing || command.Name == "demo" {
		return words
	}
	path, rest := words[:1:1], words[1:]
	var flags, plain []string
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		switch sub := command.Command(word); {
		case word == "--":
			plain = append(plain, rest...)
			rest = nil
		case len(word) > 1 && word[0] == '-':
			flags = append(flags, word)
			if takesValue(command, word) && len(rest) > 0 {
				flags = append(flags, rest[0])
				rest = rest[1:]
			}
		case sub != nil && len(plain) == 0:
			command = sub
			path = append(path, word)
		default:
			plain = append(plain, word)
		}
	}
	if len(plain) > 0 && len(command.Subcommands) == 0 {
		flags = append(flags, "--")
	}
	return slices.Concat(path, flags, plain)
}

// takesValue says whether the word that follows a flag is its value.
func takesValue(command *cli.Command, word string) bool {
	name := strings.TrimLeft(word, "-")
	for _, flag := range command.Flags {
		if value, ok := flag.(cli.DocGenerationFlag); ok && slices.Contains(flag.Names(), name) {
			return value.TakesValue()
		}
	}
	return false
}
