# Completes kubectl-regcred in PowerShell.

Register-ArgumentCompleter -Native -CommandName 'kubectl-regcred' -ScriptBlock {
    param($current, $line, $cursor)
    $words = @($line.CommandElements |
        Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursor } |
        ForEach-Object { $_.ToString() })
    if ($current -eq '') {
        # Older versions drop an empty argument.
        $words += if ($PSVersionTable.PSVersion -ge [version]'7.3') { '' } else { '""' }
    }
    # A flag's value comes without the flag, and PowerShell wants both.
    $flag = if ($current -match '^(--[^=]*=)') { $Matches[1] } else { '' }
    & $line.CommandElements[0].ToString() __complete @words 2>$null |
        Where-Object { $_ -notmatch '^:\d+$' } |
        ForEach-Object {
            $value, $about = $_ -split "`t", 2
            if (-not $about) { $about = $value }
            [System.Management.Automation.CompletionResult]::new("$flag$value", $value, 'ParameterValue', $about)
        }
}
