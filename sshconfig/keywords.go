package sshconfig

import "maps"

// kind is how a keyword's arguments are read.
type kind int

const (
	kindString     kind = iota // one argument
	kindChoice                 // one of some words
	kindInt                    // an integer from 0
	kindTime                   // seconds or "1h30m"; "none" leaves it unset
	kindPort                   // a port, by number or service name
	kindCommand                // the rest of the line as it stands
	kindList                   // arguments; "none" only alone
	kindEach                   // one argument; every line adds a value
	kindLines                  // arguments, kept as one value; every line adds a value
	kindArguments              // arguments that are not looked into, kept as one value
	kindSendEnv                // patterns of names, "-" takes away; every line adds
	kindSetEnv                 // NAME=value; one line only
	kindJump                   // jump hosts
	kindAlgorithms             // names of key types; "+", "-" and "^" change the default
	kindAgent                  // a path, or a variable that holds one
	kindHost                   // begins a block
	kindMatch                  // begins a block
	kindInclude                // reads files
	kindIgnored                // means nothing, and no ssh says so
	kindObsolete               // means nothing any more
)

type keyword struct {
	kind    kind
	alias   string            // the keyword that this is an old name for
	choices map[string]string // of kindChoice: what may be written → how it is kept
	max     int               // how many values, 0 for any number
}

// yesNo are the words of a flag, with more that its keyword takes.
func yesNo(more ...string) map[string]string {
	m := map[string]string{"yes": "yes", "true": "yes", "no": "no", "false": "no"}
	maps.Copy(m, words(more...))
	return m
}

// words are choices that are kept as they are written.
func words(names ...string) map[string]string {
	m := map[string]string{}
	for _, name := range names {
		m[name] = name
	}
	return m
}

// logLevels are the names of log.c; ssh writes them in capitals.
func logLevels() map[string]string {
	m := map[string]string{"debug": "DEBUG1"}
	for _, name := range []string{"QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3"} {
		m[lowerASCII(name)] = name
	}
	return m
}

// OpenSSH's limits (readconf.h), and one for what it does not limit.
const (
	maxIdentityFiles = 100
	maxHostsFiles    = 32
	maxCanonical     = 32
	maxLines         = 1000
)

// keywords are those of OpenSSH 9.2 (readconf.c), what came until 10.5, the
// GSSAPI patch that Debian and Fedora ship, Debian's and Apple's own.
func keywords() map[string]keyword {
	m := map[string]keyword{
		"host":    {kind: kindHost},
		"match":   {kind: kindMatch},
		"include": {kind: kindInclude},

		"identityfile":         {kind: kindEach, max: maxIdentityFiles},
		"certificatefile":      {kind: kindEach, max: maxIdentityFiles},
		"identityagent":        {kind: kindAgent},
		"proxyjump":            {kind: kindJump},
		"port":                 {kind: kindPort},
		"sendenv":              {kind: kindSendEnv, max: maxLines},
		"setenv":               {kind: kindSetEnv},
		"globalknownhostsfile": {kind: kindList, max: maxHostsFiles},
		"userknownhostsfile":   {kind: kindList, max: maxHostsFiles},

		"addressfamily": {kind: kindChoice, choices: words("any", "inet", "inet6")},
		"loglevel":      {kind: kindChoice, choices: logLevels()},
		"stricthostkeychecking": {kind: kindChoice, choices: map[string]string{
			"yes": "yes", "true": "yes", "ask": "ask", "accept-new": "accept-new", "no": "no", "false": "no", "off": "no",
		}},
		"canonicalizehostname": {kind: kindChoice, choices: yesNo("always")},
		"compression":          {kind: kindChoice, choices: words("yes", "no")},
		"controlmaster":        {kind: kindChoice, choices: yesNo("auto", "ask", "autoask")},
		"pubkeyauthentication": {kind: kindChoice, choices: yesNo("unbound", "host-bound")},
		"requesttty":           {kind: kindChoice, choices: yesNo("force", "auto")},
		"sessiontype":          {kind: kindChoice, choices: words("none", "subsystem", "default")},
		"tunnel":               {kind: kindChoice, choices: yesNo("ethernet", "point-to-point")},
		"updatehostkeys":       {kind: kindChoice, choices: yesNo("ask")},
		"verifyhostkeydns":     {kind: kindChoice, choices: yesNo("ask")},
		"warnweakcrypto":       {kind: kindChoice, choices: yesNo("no-pq-kex")}, // 10.1

		"protocol": {kind: kindIgnored},
	}
	add := func(k keyword, names ...string) {
		for _, name := range names {
			m[name] = k
		}
	}
	add(keyword{kind: kindChoice, choices: yesNo()},
		"batchmode", "canonicalizefallbacklocal", "checkhostip", "clearallforwardings", "enableescapecommandline",
		"enablesshkeysign", "exitonforwardfailure", "forkafterauthentication", "forwardx11", "forwardx11trusted",
		"gatewayports", "gssapiauthentication", "gssapidelegatecredentials", "gssapikeyexchange", "gssapirenewalforcesrekey",
		"gssapitrustdns", "hashknownhosts", "hostbasedauthentication", "identitiesonly", "kbdinteractiveauthentication",
		"nohostauthenticationforlocalhost", "passwordauthentication", "permitlocalcommand", "proxyusefdpass",
		"stdinnull", "streamlocalbindunlink", "tcpkeepalive", "usekeychain", "visualhostkey")
	add(keyword{kind: kindInt},
		"canonicalizemaxdots", "connectionattempts", "numberofpasswordprompts", "requiredrsasize", "serveralivecountmax")
	add(keyword{kind: kindTime}, "connecttimeout", "forwardx11timeout", "serveraliveinterval")
	add(keyword{kind: kindString},
		"bindaddress", "bindinterface", "controlpath", "gssapiclientidentity", "gssapikexalgorithms", "gssapiserveridentity",
		"hostkeyalias", "hostname", "ignoreunknown", "kbdinteractivedevices", "pkcs11provider", "preferredauthentications",
		"refuseconnection", "securitykeyprovider", "tag", "user", "xauthlocation",
		"ciphers", "macs", "kexalgorithms")
	add(keyword{kind: kindAlgorithms},
		"hostkeyalgorithms", "casignaturealgorithms", "hostbasedacceptedalgorithms", "pubkeyacceptedalgorithms")
	add(keyword{kind: kindCommand}, "knownhostscommand", "localcommand", "proxycommand", "remotecommand", "versionaddendum")
	add(keyword{kind: kindList, max: maxCanonical}, "canonicaldomains", "canonicalizepermittedcnames")
	add(keyword{kind: kindList},
		"channeltimeout", "logverbose", "permitremoteopen", "revokedhostkeys")
	add(keyword{kind: kindLines, max: maxLines}, "dynamicforward", "localforward", "remoteforward")
	add(keyword{kind: kindArguments},
		"addkeystoagent", "controlpersist", "escapechar", "fingerprinthash", "forwardagent", "ipqos", "obscurekeystroketiming",
		"rekeylimit", "streamlocalbindmask", "syslogfacility", "tunneldevice")
	add(keyword{kind: kindObsolete},
		"cipher", "fallbacktorsh", "globalknownhostsfile2", "rhostsauthentication", "userknownhostsfile2", "useroaming", "usersh",
		"useprivilegedport", "afstokenpassing", "kerberosauthentication", "kerberostgtpassing", "rsaauthentication",
		"rhostsrsaauthentication", "compressionlevel")
	for alias, name := range keywordAliases() {
		k := m[name]
		k.alias = name
		m[alias] = k
	}
	return m
}

// keywordAliases are the obsolete names that still mean something.
func keywordAliases() map[string]string {
	return map[string]string{
		"challengeresponseauthentication": "kbdinteractiveauthentication",
		"skeyauthentication":              "kbdinteractiveauthentication",
		"tisauthentication":               "kbdinteractiveauthentication",
		"dsaauthentication":               "pubkeyauthentication",
		"hostbasedkeytypes":               "hostbasedacceptedalgorithms",
		"pubkeyacceptedkeytypes":          "pubkeyacceptedalgorithms",
		"identityfile2":                   "identityfile",
		"keepalive":                       "tcpkeepalive",
		"smartcarddevice":                 "pkcs11provider",
		"protocolkeepalives":              "serveraliveinterval", // Debian
		"setuptimeout":                    "serveraliveinterval", // Debian
	}
}

// canonicalKeyword is the name under which a keyword's values are kept.
func canonicalKeyword(name string) string {
	name = lowerASCII(name)
	if alias, ok := keywordAliases()[name]; ok {
		return alias
	}
	return name
}
