-- Does in a headless Neovim what a user does: open a file, see its diagnostics, choose an action, save.
-- What it does is read from $JOB (JSON); what it saw is written to the `report` that the job names.

local job = vim.fn.json_decode(vim.fn.readfile(vim.env.JOB))
local seen = { messages = {} }

local function finish(problem)
  seen.problem = problem
  for _, client in pairs(vim.lsp.get_active_clients()) do
    client.stop()
  end
  vim.wait(15000, function() return seen.status ~= nil end, 20)
  vim.fn.writefile({ vim.fn.json_encode(seen) }, job.report)
  vim.cmd(problem and "cquit" or "qall!")
end

local function wait_until(what, condition)
  if not vim.wait(15000, condition, 20) then
    finish("waited in vain until " .. what)
  end
end

local function diagnostics()
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(0)) do
    local line = vim.api.nvim_buf_get_lines(0, one.lnum, one.lnum + 1, false)[1]
    table.insert(found, {
      code = one.user_data and one.user_data.lsp and one.user_data.lsp.code or one.code,
      line = one.lnum,
      marked = line:sub(one.col + 1, one.end_col),
      severity = one.severity,
      source = one.source,
    })
  end
  return found
end

local function drive()
  vim.ui.select = function(items, options, choose)
    seen.titles = {}
    local chosen
    for _, item in ipairs(items) do
      table.insert(seen.titles, item[2].title)
      if item[2].title == job.choose then
        chosen = item
      end
    end
    choose(chosen)
  end
  vim.notify = function(message) table.insert(seen.messages, message) end

  local capabilities = vim.lsp.protocol.make_client_capabilities()
  if job.encoding then
    capabilities.general = { positionEncodings = { job.encoding } }
  end
  vim.cmd("edit " .. vim.fn.fnameescape(job.file))
  local id = vim.lsp.start_client({
    name = "trainlint",
    cmd = job.command,
    root_dir = vim.fn.fnamemodify(job.file, ":h"),
    capabilities = capabilities,
    offset_encoding = job.encoding or "utf-16",
    on_exit = function(code) seen.status = code end,
  })
  if id == nil then
    return finish("the server could not be started")
  end
  vim.lsp.buf_attach_client(0, id)
  wait_until("there are diagnostics", function() return #vim.diagnostic.get(0) > 0 end)
  seen.before = diagnostics()

  if job.type then
    -- Key by key, as Insert mode does, with time for the server in between.
    vim.api.nvim_win_set_cursor(0, { job.type.line, 0 })
    vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes("O" .. job.type.text .. "<Esc>", true, false, true), "tx", false)
    seen.least = #vim.diagnostic.get(0)
    vim.wait(700, function()
      seen.least = math.min(seen.least, #vim.diagnostic.get(0))
      return false
    end, 10)
    seen.before = diagnostics()
  end

  local tick = vim.api.nvim_buf_get_changedtick(0)
  vim.api.nvim_win_set_cursor(0, { seen.before[1].line + 1, 0 })
  vim.lsp.buf.code_action(job.only and { only = job.only } or nil)
  wait_until("the action has changed the text", function()
    return vim.api.nvim_buf_get_changedtick(0) > tick
  end)
  wait_until("the diagnostics are gone", function() return #vim.diagnostic.get(0) == 0 end)
  vim.cmd("write")
  finish(nil)
end

local ok, problem = xpcall(drive, debug.traceback)
if not ok then
  finish(problem)
end
