// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials
import Testing

@testable import Configuration

private let minimal = "name = 'web1'\nkernel = '/boot/vmlinuz'\nmemory = 128\n"

private func read(_ text: String, overrides: [String] = []) throws -> DomainConfiguration {
    try DomainConfiguration.read(Array(text.utf8), source: "web.cfg", overrides: overrides).configuration
}
private func warnings(_ text: String) throws -> [String] {
    try DomainConfiguration.read(Array(text.utf8), source: "web.cfg").warnings.map(\.description)
}
private func refusal(_ text: String, overrides: [String] = []) -> (
    text: String, hint: String, code: ConfigurationError.Code?
) {
    do throws(ConfigurationError) {
        _ = try DomainConfiguration.read(Array(text.utf8), source: "web.cfg", overrides: overrides)
        return ("accepted", "", nil)
    } catch {
        return (error.description, error.hint ?? "", error.code)
    }
}

@Suite struct DomainConfigurationTests {
    @Test func readsAWholeFile() throws {
        let domain = try read(
            """
            # a web server
            name = "web1"
            type = "pvh"
            kernel = "/boot/vmlinuz"
            ramdisk = '/boot/initrd.img'
            root = "/dev/xvda1 ro"
            extra = "console=hvc0"
            memory = 0x80
            maxmem = 256
            vcpus = 1; maxvcpus = 2
            disk = [ '/srv/web1.img,raw,xvda,w', 'format=raw, vdev=xvdb, access=ro, no-discard, target=/srv/a,b.iso' ]
            vif = [ 'mac=00:16:3E:00:00:01,bridge=br0,ip=10.0.0.2,mtu=1400,vifname=web1.0', '' ]
            on_poweroff = 'preserve'
            on_reboot = "rename-restart"
            on_crash = 'restart'
            uuid = "c0ffee00-1234-4678-9abc-def012345678"
            """)
        #expect(domain.commandLine == "root=/dev/xvda1 ro console=hvc0")
        #expect(domain.memory == 128 && domain.maximumMemory == 256)
        #expect(domain.vcpus == 1 && domain.maximumVcpus == 2)
        #expect(
            domain.disks == [
                DiskConfiguration(target: "/srv/web1.img", vdev: "xvda"),
                DiskConfiguration(
                    target: "/srv/a,b.iso", vdev: "xvdb", isReadOnly: true, allowsDiscard: false),
            ])
        #expect(
            domain.vifs == [
                VifConfiguration(
                    mac: "00:16:3e:00:00:01", bridge: "br0", ip: "10.0.0.2", vifname: "web1.0", mtu: 1400),
                VifConfiguration(),
            ])
        #expect(
            domain.onPoweroff == .preserve && domain.onReboot == .renameRestart && domain.onCrash == .restart)
        #expect(domain.uuid?.description == "c0ffee00-1234-4678-9abc-def012345678")
    }

    @Test func defaultsAreThoseOfXl() throws {
        let domain = try read(minimal)
        #expect(domain.onPoweroff == .destroy && domain.onReboot == .restart && domain.onCrash == .destroy)
        #expect(domain.vcpus == 1 && domain.maximumMemory == 128 && domain.commandLine.isEmpty)
        #expect(try read("name='a';kernel='k';maxmem=64").memory == 64)
    }

    @Test func cmdlineWinsOverRootAndExtra() throws {
        let text = minimal + "cmdline='quiet'\nroot='/dev/xvda'\nextra='x'"
        #expect(try read(text).commandLine == "quiet")
        #expect(try warnings(text).count == 2)
    }

    @Test func overridesComeAfterTheFile() throws {
        let domain = try read(
            minimal, overrides: ["memory=64", "name=web2", "extra=console=hvc0 quiet", "on_crash='preserve'"])
        #expect(domain.memory == 64 && domain.name == "web2" && domain.commandLine == "console=hvc0 quiet")
        #expect(domain.onCrash == .preserve)
        #expect(refusal(minimal, overrides: ["memroy=64"]).text.hasPrefix("command line:1:1: unknown key"))
        #expect(refusal(minimal, overrides: ["nonsense"]).text.hasPrefix("command line:1:9: expected \"=\""))
    }

    @Test func namesKeysOfXlThatHaveNoEffect() throws {
        #expect(
            try warnings(minimal + "vnc = 1\ncpus = 'all'") == [
                "web.cfg:4:1: vnc has no effect here", "web.cfg:5:1: cpus has no effect here",
            ])
        #expect(
            try warnings(minimal + "on_crash = 'coredump-restart'").first?.contains("no core is written")
                == true)
        #expect(
            try warnings(minimal + "vif=['script=vif-bridge']") == [
                "web.cfg:4:6: vif: script= has no effect here"
            ])
        #expect(try warnings(minimal + "pci = []").isEmpty)
    }

    @Test func knownKeysDoNotOverlap() {
        let all =
            DomainConfigurationReader.keys + DomainConfigurationReader.ignoredKeys
            + DomainConfigurationReader.refusedKeys.map(\.name)
        #expect(Set(all).count == all.count)
    }

    static let refusals: [(String, String, String, ConfigurationError.Code)] = [
        (
            minimal + "memroy = 1", "web.cfg:4:1: unknown key \"memroy\"", "did you mean \"memory\"?",
            .unknownKey
        ),
        (
            minimal + "on_reebot = 'x'", "web.cfg:4:1: unknown key \"on_reebot\"",
            "did you mean \"on_reboot\"?", .unknownKey
        ),
        (minimal + "frobnicate = 1", "web.cfg:4:1: unknown key \"frobnicate\"", "man xl.cfg", .unknownKey),
        (
            minimal + "memory = 'lots'", "web.cfg:4:10: memory must be a number, not a string",
            "without quotes", .wrongType
        ),
        (
            minimal + "memory = [1]", "web.cfg:4:10: memory must be a number, not a list", "memory = 1",
            .wrongType
        ),
        (
            minimal + "disk = 'a,raw,xvda,w'", "web.cfg:4:8: disk must be a list of strings, not a string",
            "[", .wrongType
        ),
        (
            minimal + "vif = [ 1 ]", "web.cfg:4:9: an entry of vif must be a string, not a number", "[",
            .wrongType
        ),
        (minimal + "name = ['a']", "web.cfg:4:8: name must be a string, not a list", "", .wrongType),
        (
            minimal + "memory = 1", "web.cfg:4:10: memory = 1 is out of range", "use 4 to 1048576 MiB",
            .outOfRange
        ),
        (minimal + "memory = -1", "web.cfg:4:10: memory = -1 is out of range", "use 4", .outOfRange),
        (
            minimal + "maxmem = 64", "web.cfg:4:10: maxmem = 64 is less than memory = 128", "raise",
            .outOfRange
        ),
        (minimal + "vcpus = 0", "web.cfg:4:9: vcpus = 0 is out of range", "use 1 to 128", .outOfRange),
        (
            minimal + "vcpus = 4\nmaxvcpus = 2", "web.cfg:5:12: maxvcpus = 2 is less than vcpus = 4", "raise",
            .outOfRange
        ),
        (
            minimal + "max_grant_frames = 0", "web.cfg:4:20: max_grant_frames = 0 is out of range", "use 4",
            .outOfRange
        ),
        (
            minimal + "name = 'a b'", "web.cfg:4:8: \"a b\" cannot be the name of a domain", "use 1 to 63",
            .outOfRange
        ),
        (minimal + "name = '12'", "web.cfg:4:8: \"12\" cannot be the name", "not only digits", .outOfRange),
        (minimal + "name = 'Domain-0'", "web.cfg:4:8: \"Domain-0\" cannot be the name", "", .outOfRange),
        (minimal + "uuid = 'x'", "web.cfg:4:8: \"x\" is not a UUID", "32 hexadecimal", .outOfRange),
        (
            minimal + "on_crash = 'restrat'", "web.cfg:4:12: on_crash = \"restrat\" is unknown",
            "\"restart\"", .outOfRange
        ),
        (
            minimal + "on_crash = 'soft-reset'", "web.cfg:4:12: on_crash = \"soft-reset\" is not supported",
            "", .notSupported
        ),
        (minimal + "type = 'hvm'", "web.cfg:4:8: type = \"hvm\" is not supported", "firmware", .notSupported),
        (
            minimal + "type = 'pv'", "web.cfg:4:8: type = \"pv\" is not supported", "type = \"pvh\"",
            .notSupported
        ),
        (
            minimal + "builder = 'hvm'", "web.cfg:4:11: builder = \"hvm\" is not supported", "pvh",
            .notSupported
        ),
        (minimal + "type = 'vm'", "web.cfg:4:8: type = \"vm\" is unknown", "pvh", .notSupported),
        (
            minimal + "pci = ['01:00.0']", "web.cfg:4:1: pci is not supported", "device assignment",
            .notSupported
        ),
        (
            minimal + "bootloader = 'pygrub'", "web.cfg:4:1: bootloader is not supported", "kernel",
            .notSupported
        ),
        ("name='a'\nmemory=64", "web.cfg:1:1: kernel is missing", "kernel =", .missing),
        ("kernel='a'\nmemory=64", "web.cfg:1:1: name is missing", "name =", .missing),
        ("kernel='a'\nname='b'", "web.cfg:1:1: memory is missing", "memory =", .missing),
        ("# nothing", "web.cfg:1:1: there are no settings", "name", .missing),
        (
            minimal + "cmdline = '\(String(repeating: "x", count: 2048))'",
            "web.cfg:4:11: the kernel command line has 2048", "", .outOfRange
        ),
        (minimal + "extra = 'a\\nb'", "web.cfg:1:8: cmdline holds a control character", "", .outOfRange),
        (
            minimal + "disk = [ 'a,raw,xvda,w', 'b,raw,xvda,r' ]", "web.cfg:4:8: two disks are called xvda",
            "own vdev", .badDisk
        ),
        (
            minimal + "vif = [ 'mac=00:16:3e:00:00:01', 'mac=00:16:3e:00:00:01' ]",
            "web.cfg:4:7: two network cards", "", .badVif
        ),
    ]
    @Test(arguments: refusals.indices) func refusesWithPositionAndHint(index: Int) {
        let (text, message, hint, code) = Self.refusals[index]
        let result = refusal(text)
        #expect(result.text.hasPrefix(message))
        #expect(result.hint.contains(hint) && (!result.hint.isEmpty || hint.isEmpty))
        #expect(result.code == code)
    }

    static let disks: [(String, DiskConfiguration)] = [
        ("/dev/vg/a,raw,xvda,w", DiskConfiguration(target: "/dev/vg/a", vdev: "xvda")),
        ("/dev/vg/a, raw, xvda, rw", DiskConfiguration(target: "/dev/vg/a", vdev: "xvda")),
        ("/a.img,,xvda", DiskConfiguration(target: "/a.img", vdev: "xvda")),
        ("/a.img,raw,xvda1,r", DiskConfiguration(target: "/a.img", vdev: "xvda1", isReadOnly: true)),
        ("phy:/dev/x,xvda,w", DiskConfiguration(target: "/dev/x", vdev: "xvda")),
        ("file:/a.img,sda,r", DiskConfiguration(target: "/a.img", vdev: "sda", isReadOnly: true)),
        ("tap:aio:/a.img,hda,w", DiskConfiguration(target: "/a.img", vdev: "hda")),
        (
            "vdev=xvda,access=ro,target=/a,b=c",
            DiskConfiguration(target: "/a,b=c", vdev: "xvda", isReadOnly: true)
        ),
        (
            "/a.img,raw,xvda,w,backendtype=qdisk,discard,direct-io-safe",
            DiskConfiguration(target: "/a.img", vdev: "xvda")
        ),
        (
            "/a=b.img,raw,xvda,w,no-discard",
            DiskConfiguration(target: "/a=b.img", vdev: "xvda", allowsDiscard: false)
        ),
        ("/a.img,format=raw,vdev=d5p1,access=w", DiskConfiguration(target: "/a.img", vdev: "d5p1")),
    ]
    @Test(arguments: disks.indices) func readsDisks(index: Int) throws {
        #expect(try read(minimal + "disk = [ '\(Self.disks[index].0)' ]").disks == [Self.disks[index].1])
    }

    @Test(arguments: [
        ("", "no target"), ("/a", "no vdev"), ("/a,raw", "no vdev"),
        ("/a,xvda,w", "stands where the format belongs"),
        ("/a,raw,floppy,w", "\"floppy\" is not a device name"), ("/a,raw,xvda,x", "unknown access \"x\""),
        ("/a,qcow2,xvda,w", "the format qcow2 is not supported"),
        ("qcow2:/a,xvda,w", "the format qcow2 is not supported"),
        ("/a,zip,xvda,w", "unknown format \"zip\""), ("/a,raw,xvda:cdrom,r", "CD-ROM"),
        ("/a,raw,xvda,r,devtype=cdrom", "CD-ROM"),
        ("/a,raw,xvda,w,script=block-nbd", "block scripts"),
        ("/a,raw,xvda,w,backend=disks", "driver domains"),
        ("/a,raw,xvda,w,acess=r", "unknown parameter \"acess\""),
        ("/a,raw,xvda,w,vdev=xvdb", "vdev is given twice"),
        ("/a,raw,xvda,w,wat", "unknown parameter \"wat\""), ("nbd:host,xvda,w", "disks of kind \"nbd:\""),
        ("vdev=xvda,target=", "no target"), ("/a,raw,xvda,w,backendtype=x", "unknown backendtype"),
        ("/a,raw,xvdA,w", "not a device name"), ("/a,raw,xvda0,w", "not a device name"),
    ])
    func refusesDisks(spec: String, message: String) {
        let result = refusal(minimal + "disk = [ '\(spec)' ]")
        #expect(result.code == .badDisk)
        #expect(result.text.hasPrefix("web.cfg:4:10: disk \"\(spec)\": ") && result.text.contains(message))
    }

    @Test(arguments: [
        ("mac=1:2:3:4:5:6", "not the address"), ("mac=01:16:3e:00:00:01", "not the address"),
        ("mac=+0:16:3e:00:00:01", "not the address"),
        ("mac=00:16:3e:00:00", "not the address"), ("bridge=", "cannot be the name of a bridge"),
        ("bridge=a/b", "cannot be the name of a bridge"),
        ("vifname=thisnameistoolong", "cannot be the name of an interface"),
        ("mtu=1", "out of range"), ("mtu=x", "out of range"), ("type=ioemu", "not supported"),
        ("bridge", "has no value"),
        ("brigde=br0", "unknown parameter \"brigde\""),
        ("mac=00:16:3e:00:00:01,mac=00:16:3e:00:00:01", "given twice"),
        ("backend=net", "driver domains"),
    ])
    func refusesVifs(spec: String, message: String) {
        let result = refusal(minimal + "vif = [ '\(spec)' ]")
        #expect(result.code == .badVif)
        #expect(result.text.contains(message))
    }

    @Test func readsDevices() throws {
        let domain = try read(
            minimal + "device = [ 'type=entropy', ' type=clip-board , size=3 ,title=a=b' ]")
        #expect(
            domain.devices == [
                GenericDevice(type: "entropy"),
                GenericDevice(
                    type: "clip-board",
                    settings: [.init(key: "size", value: "3"), .init(key: "title", value: "a=b")]),
            ])
        let data = try JSONEncoder().encode(domain)
        #expect(try JSONDecoder().decode(DomainConfiguration.self, from: data) == domain)
    }

    @Test(arguments: [
        ("", "the type is missing"), ("seed=1", "the type is missing"), ("type=", "cannot be the type"),
        ("type=A", "cannot be the type"), ("type=../vbd", "cannot be the type"),
        ("type=a/b", "cannot be the type"),
        ("type=vbd", "not for device"), ("type=vif", "not for device"), ("type=console", "not for device"),
        ("type=a,type=b", "type is given twice"), ("type=a,b=1,b=2", "b is given twice"),
        ("type=a,state=4", "cannot be a setting"), ("type=a,x/y=4", "cannot be a setting"),
        ("type=a,frontend=/x", "cannot be a setting"), ("type=a,flag", "has no value"),
        ("type=a,b=\u{7}", "control character"),
        ("type=a,b=\(String(repeating: "x", count: 1025))", "too long"),
    ])
    func refusesDevices(spec: String, message: String) {
        let result = refusal(minimal + "device = [ '\(spec)' ]")
        #expect(result.code == .badDevice)
        #expect(result.text.contains(message), "\(result.text)")
    }

    @Test func survivesJSON() throws {
        let domain = try read(
            minimal
                + "disk=['/a,raw,xvda,w']\nvif=['bridge=br0']\nuuid='c0ffee00-1234-4678-9abc-def012345678'")
        let data = try JSONEncoder().encode(domain)
        #expect(try JSONDecoder().decode(DomainConfiguration.self, from: data) == domain)
        let brief = Data(
            #"{"name":"a","kernel":"/k","memory":64,"vif":[{}],"disk":[{"target":"/a","vdev":"xvda"}]}"#.utf8)
        let decoded = try JSONDecoder().decode(DomainConfiguration.self, from: brief)
        #expect(
            decoded.vifs == [VifConfiguration()] && decoded.onReboot == .restart
                && decoded.maximumMemory == 64)
    }

    @Test func jsonIsValidatedLikeAFile() throws {
        for text in [
            #"{"name":"a b","kernel":"/k","memory":64}"#, #"{"name":"a","kernel":"","memory":64}"#,
            #"{"name":"a","kernel":"/k","memory":1}"#,
            #"{"name":"a","kernel":"/k","memory":64,"disk":[{"target":"/a","vdev":"x"}]}"#,
            #"{"name":"a","kernel":"/k","memory":64,"vif":[{"mac":"zz"}]}"#,
            #"{"name":"a","kernel":"/k","memory":64,"device":[{"type":"../x","settings":[]}]}"#,
            #"{"name":"a","kernel":"/k","memory":64,"vif":[{"bridge":"a/b"}]}"#,
        ] {
            let decoded = try JSONDecoder().decode(DomainConfiguration.self, from: Data(text.utf8))
            #expect(throws: ConfigurationError.self) { try decoded.validate() }
        }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(
                DomainConfiguration.self,
                from: Data(#"{"name":"a","kernel":"/k","memory":64,"uuid":"x"}"#.utf8))
        }
    }

    @Test(arguments: [
        ("xvda", 51712), ("xvdb", 51728), ("xvda1", 51713), ("xvdp", 51952), ("xvdq", 268_439_552),
        ("xvda16", 268_435_472),
        ("xvdaa", 268_442_112), ("sda", 2048), ("sdb1", 2065), ("hda", 768), ("hdb", 832), ("hdc", 5632),
        ("d0", 51712),
        ("d20p3", 268_440_579),
    ])
    func numbersVirtualDevices(name: String, number: UInt32) {
        #expect(VirtualDevice(name)?.number == number)
    }

    @Test func findsTheNearestName() {
        #expect(nearestName(to: "krenel", in: ["kernel", "memory"]) == "kernel")
        #expect(nearestName(to: "vcpu", in: ["vcpus", "maxvcpus"]) == "vcpus")
        #expect(nearestName(to: "zzzzz", in: ["kernel"]) == nil)
        #expect(editDistance(Array("abc".utf8), []) == 3)
        #expect(editDistance(Array("abcd".utf8), Array("acbd".utf8)) == 1)
    }
}
