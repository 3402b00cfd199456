package pure

import (
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is kept of an answer that is not 200: this is for people.
const (
	maxRefusal  = 64 << 10
	maxMessages = 5
	maxText     = 300
)

// refusal reads the words out of an answer that is not 200. There are many
// shapes: the array's {"errors":[…]}, of which several entries, no context
// and a null one are all real; {"message":…} of the gateway in front of it;
// OAuth's {"error":…,"error_description":…}; a web page of a proxy; half of
// any of these; nothing.
func refusal(body []byte) []Message {
	if messages := jsonRefusal(body); len(messages) > 0 {
		return messages
	}
	if text := pageText(body); text != "" {
		return []Message{{Text: text}}
	}
	return nil
}

func jsonRefusal(body []byte) []Message {
	// Each member is read on its own: one of a strange type must not hide
	// the words in another.
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	var messages []Message
	var entries []json.RawMessage
	_ = json.Unmarshal(members["errors"], &entries) // another shape follows if it is not a list
	for _, entry := range entries {
		var m map[string]json.RawMessage
		if json.Unmarshal(entry, &m) != nil {
			continue
		}
		var where struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(m["location_context"], &where) // often absent
		messages = add(messages, cmp.Or(text(m["context"]), where.Name), text(m["message"]))
	}
	if len(messages) == 0 {
		messages = add(messages, "", text(members["message"]))
		messages = add(messages, text(members["error"]), text(members["error_description"]))
		if len(messages) == 0 {
			messages = add(messages, "", text(members["error"]))
		}
	}
	if len(messages) > maxMessages {
		messages = append(messages[:maxMessages], Message{Text: "and more"})
	}
	return messages
}

func add(messages []Message, context, text string) []Message {
	if text = tidy(text); text == "" {
		return messages
	}
	return append(messages, Message{Context: tidy(context), Text: text})
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // anything but text says nothing
	return s
}

var (
	title   = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	scripts = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)>`)
	tags    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// pageText is what a web page, or anything else that is no JSON we know,
// has to say: its title, or its text without tags.
func pageText(body []byte) string {
	s := string(body)
	if m := title.FindStringSubmatch(s); m != nil && tidy(m[1]) != "" {
		return tidy(html.UnescapeString(m[1]))
	}
	if strings.HasPrefix(strings.TrimSpace(s), "<") {
		s = html.UnescapeString(tags.ReplaceAllString(scripts.ReplaceAllString(s, " "), " "))
	}
	return tidy(s)
}

// tidy makes one short printable line of foreign text.
func tidy(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
