package commands

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

type versionAnswer struct {
	Schema  string `json:"schema"`
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionCommand(s Streams) *cli.Command {
	o := &common{Streams: s}
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: exitHelp("0   printed", "16  usage error"),
		Flags:       []cli.Flag{o.outputFlag(formatTable, formatJSON, formatYAML)},
		Action: func(*cli.Context) error {
			answer := versionAnswer{"pureclean/version/v1", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			return o.answer(answer, nil, func(out *page) {
				out.line(fmt.Sprintf("pureclean %s (%s, %s/%s)", answer.Version, answer.Go, answer.OS, answer.Arch))
			})
		},
	}
}
