package openstack

import (
	"errors"
	"strings"
)

var errRegionEntry = errors.New("a region is a name or a mapping of name and values")

// region is one entry of `regions:`: its name, and settings for it alone.
type region struct {
	name   string
	values tree
}

// region decides the region, and gives the names of those that the cloud's entry
// lists. The first of these is the default and others do not exist; where it
// lists none any name will do.
func (c *configuration) region(name string, all, own tree) (chosen region, listed []any, err error) {
	wanted := c.override(c.options.Region, "OS_REGION_NAME")
	settings := all
	if own["regions"] == nil && own["region_name"] != nil {
		settings = tree{"region_name": own["region_name"]} // goes before a profile's list
	}
	known, err := regions(settings)
	if err != nil {
		return region{}, nil, &ConfigError{File: c.file, Key: "clouds." + name + ".regions", Err: err}
	}
	if len(known) == 0 {
		return region{name: wanted}, nil, nil
	}
	var names []string
	for _, r := range known {
		names, listed = append(names, r.name), append(listed, r.name)
	}
	if wanted == "" {
		return known[0], listed, nil
	}
	for _, r := range known {
		if r.name == wanted {
			return r, listed, nil
		}
	}
	return region{}, nil, &UnknownRegionError{Cloud: name, Region: wanted, Regions: names}
}

// regions reads `regions:`, or the older forms of region_name: a list, or
// names with commas between them.
func regions(settings tree) ([]region, error) {
	value := settings["regions"]
	if value == nil {
		value = settings["region_name"]
	}
	list, ok := value.([]any)
	if !ok {
		names, err := text(value)
		if err != nil {
			return nil, err
		}
		for name := range strings.SplitSeq(names, ",") {
			list = append(list, strings.TrimSpace(name))
		}
	}
	var known []region
	for _, item := range list {
		r, err := regionEntry(item)
		if err != nil {
			return nil, err
		}
		if r.name != "" {
			known = append(known, r)
		}
	}
	return known, nil
}

func regionEntry(item any) (region, error) {
	entry, ok := item.(tree)
	if !ok {
		name, err := text(item)
		if err != nil {
			return region{}, errRegionEntry
		}
		return region{name: name}, nil
	}
	name, err := text(entry["name"])
	if err != nil || name == "" {
		return region{}, errRegionEntry
	}
	values, ok := entry["values"].(tree)
	if !ok && entry["values"] != nil {
		return region{}, errRegionEntry
	}
	if _, ok := values["auth"].(tree); !ok && values["auth"] != nil {
		return region{}, errRegionEntry
	}
	return region{name: name, values: layer(values)}, nil
}
