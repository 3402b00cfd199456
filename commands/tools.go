package commands

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/simulator/visit"
)

// What, besides App, completion, the man pages and the tests of both ask of the command
// line, so that each of these is declared once.

// ExitStatus is one status that a command ends with, and what it means then.
type ExitStatus struct {
	Status  int
	Meaning string
}

// ExitStatuses are those that the command's help lists.
func ExitStatuses(c *cli.Command) []ExitStatus {
	var all []ExitStatus
	_, text, _ := strings.Cut(c.Description, exitTitle)
	for line := range strings.Lines(text) {
		number, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(number); err == nil {
			all = append(all, ExitStatus{n, strings.TrimSpace(meaning)})
		}
	}
	return all
}

// ErrorCode is one value of "code" in a failure that is told as JSON.
type ErrorCode struct {
	Code   string
	Status int
}

// ErrorCodes lists them, the general one last.
func ErrorCodes() []ErrorCode {
	var all []ErrorCode
	for _, o := range outcomes {
		code := ErrorCode{o.code, o.status}
		if o.code != "" && !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	return append(all, ErrorCode{codeFailed, StatusTrouble})
}

// Variable is one that the program reads from its environment.
type Variable struct {
	Name, Meaning string
}

// Environment lists them all.
var Environment = []Variable{
	{visit.Variable, "the directory of the demo world in which the command is run; pureclean demo --shell sets it"},
	{"SHELL", "the shell that pureclean demo --shell opens"},
	{"LXD_SOCKET", "the unix socket of LXD"},
	{"LXD_DIR", "the directory of LXD, with its unix.socket and storage-pools"},
	{"CREDENTIALS_DIRECTORY", "set by systemd; a credential pure-api-token-POOL or pure-api-token there is the array's API token"},
	{"PURECLEAN_API_TOKEN_FILE", "a file with the array's API token, readable by its owner alone"},
	{"PURECLEAN_SSH", "the ssh client and its first arguments, instead of those of the configuration"},
	{"NO_COLOR", "if it is not empty, --color auto means never"},
	{"TERM", "if it is dumb, --color auto means never"},
	{"XDG_CACHE_HOME", "the directory below which the names for TAB are kept"},
	{"SUDO_USER", "who used sudo, for the journal"},
	{"GOGC", "of Go's run-time; if it is set, pureclean does not trade time for memory"},
}

// Output is one kind of JSON that commands print. Its keys are those of Value.
type Output struct {
	Schema string
	// By are the command lines that print it.
	By []string
	// Value is the zero value of what is printed.
	Value any
}

// Outputs lists them all.
var Outputs = []Output{
	{"pureclean/scan/v1", []string{"scan -o json"}, scanAnswer{}},
	{"pureclean/explain/v1", []string{"explain -o json"}, explainAnswer{}},
	{"pureclean/plans/v1", []string{"fix --dry-run -o json", "fix --save FILE"}, savedPlans{}},
	{"pureclean/fix/v1", []string{"fix -o json", "undo -o json", "eradicate -o json", "runs --resume -o json"}, resultsAnswer{}},
	{"pureclean/verify/v1", []string{"verify -o json"}, verifyAnswer{}},
	{"pureclean/runs/v1", []string{"runs -o json"}, runsAnswer{}},
	{"pureclean/devices/v1", []string{"devices -o json"}, fleet.Answer{}},
	{"pureclean/config/v1", []string{"config show -o json"}, configAnswer{}},
	{"pureclean/config-check/v1", []string{"config check -o json"}, configCheckAnswer{}},
	{"pureclean/doctor/v1", []string{"doctor -o json"}, doctorAnswer{}},
	{"pureclean/version/v1", []string{"version -o json"}, versionAnswer{}},
	{"error", []string{"any command -o json that fails, on stderr"}, failure{}},
}
