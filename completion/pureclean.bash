# bash completion for pureclean                              -*- shell-script -*-
#
#   source <(pureclean completion bash)
#
# The program itself says what fits: it knows its commands and flags, and what
# the last scan has seen. It gets the words as they were typed; nothing here
# evaluates them, and only "pureclean __complete" is ever run.

_pureclean() {
    local line=${COMP_LINE:0:COMP_POINT} rest word i
    local -a words=() answer=()
    COMPREPLY=()

    # bash also cuts words at ":" and "=": what has no blank between belongs
    # together. Of the last word only what stands before the cursor counts.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        if ((i > 0)) && [[ $rest == "$line" ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        line=${rest#"$word"}
    done

    mapfile -t answer < <(command pureclean __complete bash "$COMP_WORDBREAKS" "${words[@]:1}" 2>/dev/null </dev/null)
    case ${answer[0]} in
    words)
        compopt -o nosort
        COMPREPLY=("${answer[@]:1}")
        ;;
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
    esac
}

complete -F _pureclean pureclean
