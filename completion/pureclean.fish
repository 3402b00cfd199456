# fish completion for pureclean: a file in ~/.config/fish/completions, or
#
#   pureclean completion fish | source
#
# The program itself says what fits: it knows its commands and flags, and what
# the last scan has seen. It gets the words as they are; nothing here evaluates
# them, and only "pureclean __complete" is ever run.

function __pureclean_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l answer (command pureclean __complete fish $before[2..-1] "$word" 2>/dev/null </dev/null)
    switch "$answer[1]"
        case words
            printf '%s\n' $answer[2..-1]
        case files directories
            # The second line is the path so far, the third what stands before
            # it in the same word. Escaped, it is a word and nothing else.
            for path in (complete -C "'' "(string escape -n -- "$answer[2]"))
                if test "$answer[1]" = files; or string match -qr '/(\t|$)' -- $path
                    printf '%s%s\n' "$answer[3]" $path
                end
            end
    end
end

complete -c pureclean -e
complete -c pureclean -f -k -a '(__pureclean_complete)'
