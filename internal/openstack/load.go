package openstack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NoCloudsError means that there is neither a clouds.yaml nor a sourced openrc.
type NoCloudsError struct {
	Searched []string // files, in order
}

func (e *NoCloudsError) Error() string { return "no clouds.yaml and no OS_AUTH_URL" }

// UnknownCloudError means that the configuration has no such cloud; an empty
// name, that none was chosen and there are several.
type UnknownCloudError struct {
	Cloud  string
	Clouds []string // those that there are, sorted
	File   string   // clouds.yaml
}

func (e *UnknownCloudError) Error() string {
	if e.Cloud == "" {
		return "no cloud chosen of " + quoted(e.Clouds)
	}
	return fmt.Sprintf("no cloud %q in %q, which has %s", e.Cloud, e.File, quoted(e.Clouds))
}

// UnknownRegionError means that clouds.yaml lists the cloud's regions and this
// one is not among them.
type UnknownRegionError struct {
	Cloud, Region string
	Regions       []string // as configured
}

func (e *UnknownRegionError) Error() string {
	return fmt.Sprintf("cloud %q: no region %q, it has %s", e.Cloud, e.Region, quoted(e.Regions))
}

// UnknownProfileError means that a cloud refers to a vendor's profile that is
// not in clouds-public.yaml. The profiles that openstacksdk brings with it are
// not part of this program.
type UnknownProfileError struct {
	Cloud, Profile string
	Searched       []string // files, in order
}

func (e *UnknownProfileError) Error() string {
	return fmt.Sprintf("cloud %q: no profile %q in clouds-public.yaml", e.Cloud, e.Profile)
}

// configuration is all files and variables before one cloud is chosen.
type configuration struct {
	options Options
	clouds  map[string]tree // by name, keys with "_"
	client  tree            // the file's section of that name
	file    string          // clouds.yaml; "" if there is none
	files   []string
	envName string // the name of the cloud made of variables
}

// Load gives one cloud with all its settings merged, by openstacksdk's rules:
// flags, the region's values, the cloud, its profile. The cloud is the flag's,
// that of OS_CLOUD, a sourced openrc, or the only one there is. It differs where
// openstacksdk passes over a file: a broken or unreadable one is an error here.
func Load(o Options) (*Cloud, error) {
	c, err := readConfiguration(o)
	if err != nil {
		return nil, err
	}
	fromEnv, err := c.addEnvironment()
	if err != nil {
		return nil, err
	}
	name, err := c.choose(fromEnv)
	if err != nil {
		return nil, err
	}
	merged, err := c.merged(name)
	if err != nil {
		return nil, err
	}
	return c.cloud(name, merged)
}

// CloudNames gives the names of the clouds in clouds.yaml and of the one that a
// sourced openrc describes, sorted; none if there is neither.
func CloudNames(o Options) ([]string, error) {
	c, err := readConfiguration(o)
	if err != nil {
		return nil, err
	}
	if _, err := c.addEnvironment(); err != nil {
		return nil, err
	}
	return c.names(), nil
}

func (c *configuration) names() []string { return slices.Sorted(maps.Keys(c.clouds)) }

// readConfiguration reads clouds.yaml with secure.yaml laid over it.
func readConfiguration(o Options) (*configuration, error) {
	c := &configuration{options: o, clouds: map[string]tree{}, envName: firstOf(o.env("OS_CLOUD_NAME"), "envvars")}
	file, root, err := readFirst(o.candidates("clouds", o.env("OS_CLIENT_CONFIG_FILE")))
	if err != nil {
		return nil, err
	}
	secureFile, secure, err := readFirst(o.candidates("secure", o.env("OS_CLIENT_SECURE_FILE")))
	if err != nil {
		return nil, err
	}
	c.file = file
	for _, f := range []string{file, secureFile} {
		if f != "" {
			c.files = append(c.files, f)
		}
	}
	// Each is looked at alone first, so that an error names its file.
	for _, part := range []struct {
		file string
		root tree
	}{{file, root}, {secureFile, secure}} {
		if err := wellFormed(part.file, part.root); err != nil {
			return nil, err
		}
	}
	all := overlay(root, secure)
	c.client, _ = all["client"].(tree)
	clouds, _ := all["clouds"].(tree)
	for name, value := range clouds {
		settings, _ := value.(tree)
		c.clouds[name] = layer(settings)
	}
	return c, nil
}

// wellFormed tells whether the mappings of a file are mappings.
func wellFormed(file string, root tree) error {
	clouds, err := mappingAt(file, "clouds", root["clouds"])
	if err != nil {
		return err
	}
	if _, err := mappingAt(file, "client", root["client"]); err != nil {
		return err
	}
	for name, value := range clouds {
		settings, err := mappingAt(file, "clouds."+name, value)
		if err != nil {
			return err
		}
		if _, err := mappingAt(file, "clouds."+name+".auth", settings["auth"]); err != nil {
			return err
		}
	}
	return nil
}

func mappingAt(file, key string, value any) (tree, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case tree:
		return v, nil
	}
	return nil, &ConfigError{File: file, Key: key, Err: errNotMapping}
}

// choose decides which cloud is meant.
func (c *configuration) choose(fromEnv bool) (string, error) {
	name := firstOf(c.options.Cloud, c.options.env("OS_CLOUD"))
	switch {
	case name == "" && fromEnv:
		return c.envName, nil
	case name == "" && len(c.clouds) == 1:
		return c.names()[0], nil
	case len(c.clouds) == 0:
		return "", &NoCloudsError{Searched: c.options.candidates("clouds", c.options.env("OS_CLIENT_CONFIG_FILE"))}
	}
	if _, ok := c.clouds[name]; !ok {
		return "", &UnknownCloudError{Cloud: name, Clouds: c.names(), File: c.file}
	}
	return name, nil
}

// merged lays the settings of one cloud over each other.
func (c *configuration) merged(name string) (tree, error) {
	own := c.clouds[name]
	profile, err := c.profile(name, own)
	if err != nil {
		return nil, err
	}
	all := update(profile, own)
	chosen, listed, err := c.region(name, all, own)
	if err != nil {
		return nil, err
	}
	all = update(all, chosen.values)
	all["regions"] = listed
	all["region_name"] = chosen.name
	if iface := c.override(c.options.Interface, "OS_INTERFACE"); iface != "" {
		all["interface"] = iface
	}
	return format(all), nil
}

// override is a setting that a flag or, for a cloud of the file, a variable
// changes. With OS_AUTH_URL there, the variables describe a cloud of their own.
func (c *configuration) override(flag, variable string) string {
	if flag != "" || c.options.env("OS_AUTH_URL") != "" {
		return flag
	}
	return c.options.env(variable)
}

// profile gives the vendor's settings that a cloud refers to.
func (c *configuration) profile(name string, own tree) (tree, error) {
	wanted, err := text(own["profile"])
	if wanted == "" && err == nil {
		wanted, err = text(own["cloud"]) // the key's old name
	}
	if err != nil {
		return nil, &ConfigError{File: c.file, Key: "clouds." + name + ".profile", Err: err}
	}
	if wanted == "" || wanted == c.envName {
		return nil, nil
	}
	paths := c.options.candidates("clouds-public", "")
	file, root, err := readFirst(paths)
	if err != nil {
		return nil, err
	}
	vendors, err := mappingAt(file, "public-clouds", root["public-clouds"])
	if err != nil {
		return nil, err
	}
	settings, err := mappingAt(file, "public-clouds."+wanted, vendors[wanted])
	if err != nil {
		return nil, err
	}
	if settings == nil {
		return nil, &UnknownProfileError{Cloud: name, Profile: wanted, Searched: paths}
	}
	if _, err := mappingAt(file, "public-clouds."+wanted+".auth", settings["auth"]); err != nil {
		return nil, err
	}
	c.files = append(c.files, file)
	return layer(settings), nil
}

// format puts settings in for "{name}" in others, as Python's str.format does;
// most of all the region in auth_url. Passwords are left alone.
func format(all tree) tree {
	var pairs []string
	for key, value := range all {
		if s, err := text(value); err == nil && key != "password" {
			pairs = append(pairs, "{"+key+"}", s)
		}
	}
	fill := strings.NewReplacer(pairs...)
	out := maps.Clone(all)
	for key, value := range out {
		switch v := value.(type) {
		case string:
			if key != "password" {
				out[key] = fill.Replace(v)
			}
		case plain:
			if key != "password" {
				out[key] = plain(fill.Replace(string(v)))
			}
		}
	}
	if auth, ok := out["auth"].(tree); ok {
		if at, err := text(auth["auth_url"]); err == nil && at != "" {
			auth = maps.Clone(auth)
			auth["auth_url"] = fill.Replace(at)
			out["auth"] = auth
		}
	}
	return out
}
