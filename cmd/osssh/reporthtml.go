package main

import (
	"bytes"
	"html/template"

	"osssh/diagnose"
)

// htmlReport writes a ticket as one page without scripts that loads nothing.
func htmlReport(t *ticket) ([]byte, error) {
	page, err := template.New("report").Parse(reportPage)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, t.page())
	return out.Bytes(), err
}

// reportData is what the page shows.
type reportData struct {
	Title    string
	Summary  [][2]string
	Picture  picture
	Verdict  []string
	Sections []reportSection
}

type reportSection struct {
	Title  string
	Header []string
	Rows   [][]string
}

func (t *ticket) page() reportData {
	data := reportData{Title: "osssh why " + t.Name + ": " + t.Outcome, Summary: t.summary(), Picture: t.picture()}
	for _, r := range t.Verdict {
		data.Verdict = append(data.Verdict, r.String())
	}
	for _, s := range t.sections() {
		data.Sections = append(data.Sections, reportSection{s.title, s.header, s.rows})
	}
	return data
}

// picture is the path as SVG: stations one below the other, joined by lines as
// far as a packet comes. Lengths are in CSS pixels.
type picture struct {
	Width, Height int
	Stations      []drawnStation
}

type drawnStation struct {
	Y, Above         int // of its middle, and of the one before
	First            bool
	Name, What, Note string
	Sign, Class      string
	Line             string // class of the line from the one before
}

const (
	stationHeight = 52
	pictureWidth  = 900
	// maxDrawn is how many characters of a text fit into the picture; all of it
	// stands in the text below.
	maxDrawn = 100
)

func (t *ticket) picture() picture {
	p := picture{Width: pictureWidth, Height: stationHeight * len(t.Steps)}
	stopped := false
	for i, step := range t.Steps {
		y := stationHeight*i + stationHeight/2
		class := markClasses()[step.Mark]
		line := class
		if stopped {
			line = "beyond"
		}
		stopped = stopped || step.Mark == markWord(diagnose.Failed)
		p.Stations = append(p.Stations, drawnStation{
			Y: y, Above: y - stationHeight, First: i == 0, Line: line, Name: step.Name, What: shortened(step.What), Note: shortened(orEmpty(step.Note)),
			Sign: signOf(step.Mark), Class: class,
		})
	}
	return p
}

// markClasses are the classes of the style sheet, by the word for a mark.
func markClasses() map[string]string {
	return map[string]string{"passed": "passed", "failed": "failed", "unsure": "unsure", "not reached": "beyond"}
}

func shortened(text string) string {
	if runes := []rune(text); len(runes) > maxDrawn {
		return string(runes[:maxDrawn-1]) + "…"
	}
	return text
}

const reportPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 960px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; padding: .25em 1em .25em 0; overflow-wrap: break-word }
pre { background: #f6f6f6; padding: 1em; white-space: pre-wrap; overflow-wrap: anywhere }
svg { max-width: 100%; height: auto; font: 15px system-ui, sans-serif }
.name { font-weight: 600 }
line { stroke-width: 3 }
line.passed { stroke: #1a7f37 } line.failed { stroke: #cf222e } line.unsure { stroke: #9a6700 } line.beyond { stroke: #bbb; stroke-dasharray: 4 5 }
circle.passed { fill: #1a7f37 } circle.failed { fill: #cf222e } circle.unsure { fill: #9a6700 } circle.beyond { fill: #999 }
.sign { fill: #fff; text-anchor: middle; font-weight: 700 }
.note { fill: #555 } .note.failed { fill: #cf222e }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<table>{{range .Summary}}<tr><th>{{index . 0}}</th><td>{{index . 1}}</td></tr>
{{end}}</table>
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="the path from here to the shell" width="{{.Picture.Width}}" height="{{.Picture.Height}}" viewBox="0 0 {{.Picture.Width}} {{.Picture.Height}}">
{{range .Picture.Stations}}{{if not .First}}<line class="{{.Line}}" x1="24" y1="{{.Above}}" x2="24" y2="{{.Y}}"/>
{{end}}{{end}}{{range .Picture.Stations}}<g class="station"><circle class="{{.Class}}" cx="24" cy="{{.Y}}" r="14"/><text class="sign" x="24" y="{{.Y}}" dy=".35em">{{.Sign}}</text>
<text class="name" x="54" y="{{.Y}}" dy="-.2em">{{.Name}}</text><text x="200" y="{{.Y}}" dy="-.2em">{{.What}}</text><text class="note {{.Class}}" x="200" y="{{.Y}}" dy="1.1em">{{.Note}}</text></g>
{{end}}</svg>
<pre>{{range .Verdict}}{{.}}
{{end}}</pre>
{{range .Sections}}<h2>{{.Title}}</h2>
<table><tr>{{range .Header}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>
{{end}}</body>
</html>
`
