package openstack

// networks reads `networks:`, or external_network and internal_network, its
// deprecated form.
func (s *settings) networks() []NetworkConfig {
	value := s.values["networks"]
	external, internal := s.text("external_network"), s.text("internal_network")
	if value != nil && (external != "" || internal != "") {
		s.fail("networks", ErrBothForms)
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		s.fail("networks", errNotList)
	}
	var out []NetworkConfig
	for _, item := range list {
		entry, ok := item.(tree)
		if !ok {
			s.fail("networks", errNotMapping)
			return nil
		}
		out = append(out, s.network(underscored(entry)))
	}
	if external != "" {
		out = append(out, NetworkConfig{
			Name: external, DefaultInterface: true,
			RoutesIPv4Externally: true, RoutesIPv6Externally: true,
		})
	}
	if internal != "" {
		out = append(out, NetworkConfig{Name: internal, NATDestination: true})
	}
	s.onlyOne(out, "default_interface", func(n NetworkConfig) bool { return n.DefaultInterface })
	s.onlyOne(out, "nat_destination", func(n NetworkConfig) bool { return n.NATDestination })
	return out
}

func (s *settings) network(entry tree) NetworkConfig {
	fields := &settings{cloud: s.cloud, values: entry}
	name := fields.text("name", "id")
	if fields.err != nil || name == "" {
		s.fail("networks.name", ErrMissing)
	}
	routes := func(key string) bool {
		if value, ok := entry[key]; ok {
			return boolean(value)
		}
		return boolean(entry["routes_externally"])
	}
	return NetworkConfig{
		Name:                 name,
		RoutesIPv4Externally: routes("routes_ipv4_externally"),
		RoutesIPv6Externally: routes("routes_ipv6_externally"),
		NATSource:            boolean(entry["nat_source"]),
		NATDestination:       boolean(entry["nat_destination"]),
		DefaultInterface:     boolean(entry["default_interface"]),
	}
}

func (s *settings) onlyOne(list []NetworkConfig, key string, has func(NetworkConfig) bool) {
	count := 0
	for _, n := range list {
		if has(n) {
			count++
		}
	}
	if count > 1 {
		s.fail("networks."+key, ErrTwice)
	}
}
